// SPDX-License-Identifier: GPL-2.0-only
/*
 * include/headcount.h, where no service is of labels: whatever the socket and the name, a
 * program may try, and nothing happens.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "headcount.h"

static void test_any_socket(void **state)
{
	static const int kinds[][2] = {{AF_INET, SOCK_STREAM},
				       {AF_INET6, SOCK_STREAM},
				       {AF_INET, SOCK_DGRAM},
				       {AF_UNIX, SOCK_STREAM}};
	char longer[HEADCOUNT_LABEL_MAX + 1];

	(void)state;
	memset(longer, 'x', sizeof(longer));
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		int fd = socket(kinds[i][0], kinds[i][1], 0);

		if (fd < 0 && errno == EAFNOSUPPORT)
			continue; /* a kernel without IPv6 */
		assert_true(fd >= 0);
		assert_int_equal(headcount_label(fd, "alice", 5), 0);
		assert_int_equal(headcount_label(fd, longer, sizeof(longer)), 0);
		close(fd);
	}
}

static void test_no_socket(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(headcount_label(-1, "alice", 5), -EBADF);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(headcount_label(ends[0], "alice", 5), -ENOTSOCK);
	assert_int_equal(headcount_label_wait(ends[0], "alice", 5, 60000), -ENOTSOCK);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_socket),
		cmocka_unit_test(test_no_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
