// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "user/daemon/own_listener.h"

#define OWN_ADDRESS 0x7f686301 /* 127.104.99.1: 104 and 99 are "hc" */
#define PORT_LAST   65535
#define PORT_FIRST  32768 /* below are the ports of services */
#define RESERVED    "/proc/sys/net/ipv4/ip_local_reserved_ports"

/* Lets nothing through, of whatever connects. */
static int be_silent(int fd)
{
	struct sock_filter drop[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
	struct sock_fprog filter = {1, drop};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) ? -errno
										     : 0;
}

/* The ports that an administrator keeps for his services: `8080,9148,50000-60000`. */
static void read_reserved(char *list, size_t size)
{
	int fd = open(RESERVED, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? 0 : read(fd, list, size - 1);

	list[got > 0 ? got : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

static bool is_reserved(unsigned long port, const char *list)
{
	char *end;

	while (*list) {
		unsigned long first = strtoul(list, &end, 10), last = first;

		if (*end == '-')
			last = strtoul(end + 1, &end, 10);
		if (first <= port && port <= last)
			return true;
		list = end + (*end != '\0');
	}
	return false;
}

/* `port` is that of `address`. */
static int bind_high(int fd, const struct sockaddr *address, socklen_t size, in_port_t *port)
{
	static char reserved[65536];

	read_reserved(reserved, sizeof(reserved));
	for (unsigned int at = PORT_LAST; at >= PORT_FIRST; at--) {
		if (is_reserved(at, reserved))
			continue;
		*port = htons(at);
		if (!bind(fd, address, size))
			return 0;
		if (errno != EADDRINUSE)
			return -errno;
	}
	return -EADDRINUSE;
}

/* On loopback, whether the namespace has that or not. Of both families, if IPv6 is there: bound
 * to ::1 the socket would take that alone. */
static int bind_loopback(int *fd)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6};
	struct sockaddr_in four = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(OWN_ADDRESS)};
	const int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, on = 1, off = 0;

	six.sin6_addr.s6_addr16[5] = 0xffff;
	six.sin6_addr.s6_addr32[3] = four.sin_addr.s_addr;
	*fd = socket(AF_INET6, type, IPPROTO_TCP);
	if (*fd >= 0)
		return setsockopt(*fd, SOL_IPV6, IPV6_V6ONLY, &off, sizeof(off)) ||
				       setsockopt(*fd, SOL_IP, IP_FREEBIND, &on, sizeof(on))
			       ? -errno
			       : bind_high(*fd, (struct sockaddr *)&six, sizeof(six),
					   &six.sin6_port);
	*fd = socket(AF_INET, type, IPPROTO_TCP);
	return *fd < 0 || setsockopt(*fd, SOL_IP, IP_FREEBIND, &on, sizeof(on))
		       ? -errno
		       : bind_high(*fd, (struct sockaddr *)&four, sizeof(four), &four.sin_port);
}

int own_listener_open(bool silent)
{
	const int on = 1;
	int fd, error;

	/* Where none may be made (user.max_net_namespaces) it is in this one. */
	if (silent)
		unshare(CLONE_NEWNET);
	error = bind_loopback(&fd);
	/* Before it listens. Its connections have the service's port, and inherit REUSEADDR,
	 * lest those in TIME_WAIT keep a server program from it. */
	if (silent)
		error = error ?: be_silent(fd);
	if (!error && (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
		       listen(fd, SOMAXCONN)))
		error = -errno;
	if (error && fd >= 0)
		close(fd);
	return error ?: fd;
}
