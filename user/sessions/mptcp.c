// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/array.h"
#include "user/sessions/mptcp.h"

struct holder {
	__u32 inode;
	int pid, fd;
};

struct mptcp {
	struct holder *items;
	size_t count;
};

static int by_inode(const void *left, const void *right)
{
	__u32 a = ((const struct holder *)left)->inode,
	      b = ((const struct holder *)right)->inode;

	return a < b ? -1 : a > b;
}

/* The sockets of one process; that it has gone by now does not matter. */
static int add_holders_of(struct mptcp *holders, int pid)
{
	struct holder holder = {.pid = pid};
	struct dirent *entry;
	char path[64], link[64];
	ssize_t length;
	int error = 0;
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	folder = opendir(path);
	while (folder && !error && (entry = readdir(folder))) {
		length = readlinkat(dirfd(folder), entry->d_name, link, sizeof(link) - 1);
		link[length > 0 ? length : 0] = '\0';
		holder.fd = atoi(entry->d_name);
		if (sscanf(link, "socket:[%u]", &holder.inode) == 1)
			error = array_append(&holders->items, &holders->count, &holder,
					     sizeof(holder));
	}
	if (folder)
		closedir(folder);
	return error;
}

static int find_holders(struct mptcp **result)
{
	struct mptcp *holders = calloc(1, sizeof(*holders));
	DIR *folder = opendir("/proc");
	struct dirent *entry;
	int error = !holders ? -ENOMEM : !folder ? -errno : 0;

	while (folder && !error && (entry = readdir(folder)))
		if (isdigit((unsigned char)entry->d_name[0]))
			error = add_holders_of(holders, atoi(entry->d_name));
	if (folder)
		closedir(folder);
	if (error) {
		mptcp_free(holders);
		return error;
	}
	if (holders->count)
		qsort(holders->items, holders->count, sizeof(*holders->items), by_inode);
	*result = holders;
	return 0;
}

void mptcp_free(struct mptcp *holders)
{
	if (holders)
		free(holders->items);
	free(holders);
}

static int borrow_from(const struct holder *holder)
{
	int process = pidfd_open(holder->pid, 0), fd;
	struct stat status;

	if (process < 0)
		return -ESRCH;
	fd = pidfd_getfd(process, holder->fd, 0);
	close(process);
	if (fd < 0)
		return -ESRCH;
	/* It may have been closed since, and the descriptor be of something else. */
	if (!fstat(fd, &status) && S_ISSOCK(status.st_mode) && status.st_ino == holder->inode)
		return fd;
	close(fd);
	return -ESRCH;
}

/* A descriptor of our own for the socket with this inode, of any process that has it. */
static int borrow(const struct mptcp *holders, __u32 inode)
{
	const struct holder key = {.inode = inode}, *end = holders->items + holders->count;
	const struct holder *holder = NULL;
	int fd = -ESRCH;

	if (holders->count)
		holder = bsearch(&key, holders->items, holders->count, sizeof(key), by_inode);
	while (holder && holder > holders->items && holder[-1].inode == inode)
		holder--;
	for (; holder && holder < end && holder->inode == inode && fd < 0; holder++)
		fd = borrow_from(holder);
	return fd;
}

static int disconnect_socket(int fd)
{
	const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};

	if (!connect(fd, &nowhere, sizeof(nowhere)))
		return 0;
	/* Before 6.6 not while somebody waits in a call on it: that ends the waiting. */
	if (errno == EBUSY && !shutdown(fd, SHUT_RDWR) &&
	    !connect(fd, &nowhere, sizeof(nowhere)))
		return 0;
	return -errno;
}

int mptcp_end(struct mptcp **holders, struct diag *diag, const struct hc_socket *subflow)
{
	int error, fd, protocol;
	socklen_t size = sizeof(protocol);
	__u32 inode, again;

	error = diag_inode(diag, subflow, &inode);
	if (!error && !inode)
		error = -ESRCH;
	if (!error && !*holders)
		error = find_holders(holders);
	if (error)
		return error;
	fd = borrow(*holders, inode);
	if (fd < 0)
		return fd;
	/* We hold the socket now: if the subflow still names it, it is the right one. */
	error = diag_inode(diag, subflow, &again);
	if (!error &&
	    (again != inode || getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) ||
	     protocol != IPPROTO_MPTCP))
		error = -ESRCH;
	error = error ?: disconnect_socket(fd);
	close(fd);
	return error;
}
