// SPDX-License-Identifier: GPL-2.0-only
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "user/base/address.h"
#include "user/base/log.h"
#include "user/base/privileges.h"
#include "user/base/unix_socket.h"
#include "user/metrics/socket.h"

/* Who may connect: as with a loopback port, everybody whom the folder lets in. */
#define MODE 0666

union address {
	struct sockaddr any;
	struct sockaddr_in ipv4;
	struct sockaddr_in6 ipv6;
	struct sockaddr_un unix_socket;
};

static socklen_t fill(union address *address, const struct config_metrics *where)
{
	const struct config_listen *listen = &where->listen;

	memset(address, 0, sizeof(*address));
	if (config_metrics_path(where)) {
		address->any.sa_family = AF_UNIX;
		strcpy(address->unix_socket.sun_path, config_metrics_path(where));
		return sizeof(address->unix_socket);
	}
	if (address_is_ipv4(listen->address)) {
		address->any.sa_family = AF_INET;
		address->ipv4.sin_port = htons(listen->port);
		memcpy(&address->ipv4.sin_addr, listen->address + 12, 4);
		return sizeof(address->ipv4);
	}
	address->any.sa_family = AF_INET6;
	address->ipv6.sin6_port = htons(listen->port);
	memcpy(&address->ipv6.sin6_addr, listen->address, 16);
	return sizeof(address->ipv6);
}

static int bind_to(int fd, const union address *address, socklen_t size)
{
	const char *path = address->unix_socket.sun_path;
	int on = 1;

	if (address->any.sa_family != AF_UNIX) {
		/* PORT: a reload opens 0.0.0.0 while 127.0.0.1 is still open. */
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
		return bind(fd, &address->any, size) ? -errno : 0;
	}
	if (!bind(fd, &address->any, size))
		return 0;
	if (errno != EADDRINUSE || !unix_socket_is_left_over(&address->unix_socket))
		return -errno;
	unlink(path);
	return bind(fd, &address->any, size) ? -errno : 0;
}

int metrics_socket_open(struct metrics_socket *made, const struct config_metrics *where)
{
	const char *path = config_metrics_path(where);
	union address address;
	socklen_t size = fill(&address, where);
	bool bound;
	int error;

	made->where = *where;
	made->fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	error = made->fd < 0 ? -errno : bind_to(made->fd, &address, size);
	bound = !error;
	if (!error && path && (chmod(path, MODE) || stat(path, &made->file)))
		error = -errno;
	if (!error && listen(made->fd, SOMAXCONN))
		error = -errno;
	if (!error)
		return 0;
	if (made->fd >= 0)
		close(made->fd);
	if (bound && path)
		unlink(path);
	return hc_error_errno(error, "cannot listen on %s for metrics%s", where->text,
			      privileges_hint(error));
}

void metrics_socket_remove(const struct metrics_socket *made)
{
	const char *path = config_metrics_path(&made->where);
	struct stat now;

	if (path && !lstat(path, &now) && now.st_ino == made->file.st_ino &&
	    now.st_dev == made->file.st_dev)
		unlink(path);
}
