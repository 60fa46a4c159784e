// SPDX-License-Identifier: GPL-2.0-only
/* Which of several namespaces' errors a sweep tells. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "user/daemon/sweep.h"

static const int *next; /* what the walks come to: of our own namespace, and of the others */

int walk_sweep(const struct headcount_bpf *object, const struct walk_wish *wish,
	       int (*make)(void *context, int link), void *context, struct walk_sockets *found)
{
	(void)object;
	(void)wish;
	(void)make;
	(void)context;
	(void)found;
	return *next++;
}

void walk_free(struct walk_sockets *found)
{
	(void)found;
}

static int sweep(int own, int first, int second)
{
	const int all[] = {own, first, second};
	struct netns others[] = {{.inode = 1}, {.inode = 2}};
	const struct netns_list list = {.items = others, .count = 2};

	next = all;
	return sweep_sockets(&(struct sweep){.netns = &list}, &(struct walk_wish){},
			     &(struct walk_sockets){});
}

static void errors(void **state)
{
	const int silent = NETNS_HELPER_SILENT;

	(void)state;
	assert_int_equal(sweep(0, 0, 0), 0);
	assert_int_equal(sweep(0, silent, 0), silent);
	assert_int_equal(sweep(0, 0, silent), silent);
	assert_int_equal(sweep(0, silent, silent), silent);
	assert_int_equal(sweep(0, silent, -ENOMEM), -ENOMEM);
	assert_int_equal(sweep(0, -ENOMEM, silent), -ENOMEM);
	assert_int_equal(sweep(-EIO, -ENOMEM, silent), -EIO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
