// SPDX-License-Identifier: GPL-2.0-only
/* Who may ask for names while nobody answers. */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "user/fleet/store_name.h"

static sem_t may_end; /* one lookup */

/* In the place of the C library's, for all of this process. */
int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
		struct addrinfo **found)
{
	(void)host;
	(void)port;
	(void)hints;
	(void)found;
	sem_wait(&may_end);
	return EAI_NONAME;
}

static const struct store_place place = {.host = "store.example", .port = 6379};

static void ends(struct store_name *name)
{
	struct pollfd ready = {store_name_fd(name), POLLIN, 0};
	struct sockaddr_storage to;
	socklen_t size;
	const char *why;

	assert_int_equal(poll(&ready, 1, 20000), 1);
	assert_int_equal(store_name_get(name, 0, &to, &size, &why), -EHOSTUNREACH);
	store_name_drop(name);
}

/* Those that nobody waits for count, until they end. */
static void rest(void **state)
{
	struct store_name *names[STORE_NAMES_MAX], *more;
	const int half = STORE_NAMES_MAX / 2;

	(void)state;
	for (int i = 0; i < half; i++)
		assert_int_equal(store_name_ask(&names[i], &place, half), 0);
	assert_int_equal(store_name_ask(&more, &place, half), -EAGAIN);
	assert_null(more);
	store_name_drop(names[0]);
	assert_int_equal(store_name_ask(&more, &place, half), -EAGAIN);
	for (int i = half; i < STORE_NAMES_MAX; i++)
		assert_int_equal(store_name_ask(&names[i], &place, STORE_NAMES_MAX), 0);
	assert_int_equal(store_name_ask(&more, &place, STORE_NAMES_MAX), -EAGAIN);
	for (int i = 0; i < STORE_NAMES_MAX; i++)
		sem_post(&may_end);
	for (int i = 1; i < STORE_NAMES_MAX; i++)
		ends(names[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rest),
	};

	sem_init(&may_end, 0, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
