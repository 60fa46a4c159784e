// SPDX-License-Identifier: GPL-2.0-only
/* Where the daemon's own listeners are: in a network namespace that is made for it. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/daemon/own_listener.h"

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void reserve(const char *ports)
{
	write_text("/proc/sys/net/ipv4/ip_local_reserved_ports", ports);
}

static void at_the_highest_port_that_is_not_reserved(void **state)
{
	struct sockaddr_in6 address;
	socklen_t size = sizeof(address);
	int fd;

	(void)state;
	reserve("65535,60000-65533");
	fd = own_listener_open(false);
	assert_true(fd >= 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	assert_int_equal(ntohs(address.sin6_port), 65534);
	assert_int_equal(ntohl(address.sin6_addr.s6_addr32[3]), 0x7f686301);
	close(fd);
}

static void at_none_that_is(void **state)
{
	(void)state;
	reserve("32768-65535");
	write_text("/proc/sys/net/ipv4/ip_local_port_range",
		   "16384 32767"); /* nor at one of these */
	errno = 0;
	assert_int_equal(own_listener_open(false), -EADDRINUSE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(at_the_highest_port_that_is_not_reserved),
		cmocka_unit_test(at_none_that_is),
	};

	return unshare(CLONE_NEWNET) ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
