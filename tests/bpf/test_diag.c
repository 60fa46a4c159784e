// SPDX-License-Identifier: GPL-2.0-only
/* Closing one socket, and not the one that has come to its ports. Needs root. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "user/kernel/diag.h"

#define PORT 7143

static int listener;
static struct diag *diag;

/* A namespace of our own, whose loopback is up. */
static int set_up(void **state)
{
	struct ifreq up = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};

	(void)state;
	if (unshare(CLONE_NEWNET))
		return -1;
	listener = socket(AF_INET6, SOCK_STREAM, 0);
	diag = diag_open();
	return !diag || ioctl(listener, SIOCSIFFLAGS, &up) ||
	       bind(listener, (struct sockaddr *)&any, sizeof(any)) || listen(listener, 8);
}

static int tear_down(void **state)
{
	(void)state;
	diag_close(diag);
	return close(listener);
}

/* A client at `port`, any if 0; its end is `*row`. */
static int connect_from(const char *address, __u16 port, struct hc_socket *row)
{
	static const struct linger reset = {1, 0};
	struct sockaddr_in6 here = {.sin6_family = AF_INET6, .sin6_port = htons(port)}, there;
	socklen_t size = sizeof(here);
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	inet_pton(AF_INET6, address, &here.sin6_addr);
	there = here;
	there.sin6_port = htons(PORT);
	assert_int_equal(bind(fd, (struct sockaddr *)&here, sizeof(here)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&there, sizeof(there)), 0);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	assert_int_equal(getsockname(fd, (struct sockaddr *)&here, &size), 0);
	memset(row, 0, sizeof(*row));
	memcpy(row->session.ends.local, &here.sin6_addr, 16);
	memcpy(row->session.ends.remote, &there.sin6_addr, 16);
	row->session.ends.local_port = ntohs(here.sin6_port);
	row->session.ends.remote_port = PORT;
	size = sizeof(row->id);
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &row->id, &size), 0);
	return fd;
}

static int error_of(int fd)
{
	socklen_t size = sizeof(int);
	int error = -1;

	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	return error;
}

static void closes(const char *address)
{
	struct hc_socket row, other;
	int fd = connect_from(address, 0, &row), bystander = connect_from(address, 0, &other);

	assert_int_equal(diag_destroy(diag, &row), 0);
	assert_int_equal(error_of(fd), ECONNABORTED);
	assert_int_equal(error_of(bystander), 0);
	assert_int_equal(diag_destroy(diag, &row), -ENOENT);
	close(fd);
	close(bystander);
}

static void closes_ipv6(void **state)
{
	(void)state;
	closes("::1");
}

static void closes_mapped(void **state)
{
	(void)state;
	closes("::ffff:127.0.0.1");
}

static void same_ports(void **state)
{
	struct hc_socket before, now;
	int fd = connect_from("::1", 0, &before);

	(void)state;
	close(fd);
	fd = connect_from("::1", before.session.ends.local_port, &now);
	assert_true(before.id != now.id);
	assert_int_equal(diag_destroy(diag, &before), -ENOENT);
	assert_int_equal(error_of(fd), 0);
	assert_int_equal(diag_destroy(diag, &now), 0);
	assert_int_equal(error_of(fd), ECONNABORTED);
	close(fd);
}

static void inodes(void **state)
{
	struct hc_socket row;
	int fd = connect_from("::1", 0, &row);
	struct stat status;
	__u32 inode;

	(void)state;
	assert_int_equal(fstat(fd, &status), 0);
	assert_int_equal(diag_inode(diag, &row, &inode), 0);
	assert_int_equal(inode, status.st_ino);
	close(fd);
	assert_int_equal(diag_inode(diag, &row, &inode), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(closes_ipv6),
		cmocka_unit_test(closes_mapped),
		cmocka_unit_test(same_ports),
		cmocka_unit_test(inodes),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
