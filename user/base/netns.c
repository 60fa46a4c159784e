// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/types.h>

#include "user/base/array.h"
#include "user/base/log.h"
#include "user/base/netns.h"
#include "user/base/privileges.h"

#define RUN_NETNS "/run/netns"
#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

bool netns_listed(const struct netns_list *list, unsigned int inode)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].inode == inode)
			return true;
	return false;
}

unsigned int netns_cookie(int socket)
{
	__u64 cookie = 0;
	socklen_t size = sizeof(cookie);

	return getsockopt(socket, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) ? 0 : cookie;
}

/* Inode numbers are reused, cookies are not. */
static unsigned int cookie_of(int netns)
{
	int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), fd = -1;
	unsigned int cookie = 0;

	if (home >= 0 && !setns(netns, CLONE_NEWNET)) {
		fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		cookie = netns_cookie(fd);
		if (setns(home, CLONE_NEWNET))
			abort(); /* going on in a foreign namespace would do harm */
	}
	if (fd >= 0)
		close(fd);
	if (home >= 0)
		close(home);
	return cookie;
}

/* Opens `path` and lists it, unless it is listed already. */
static int list_netns(struct netns_list *list, const char *name, const char *path)
{
	struct netns item = {.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
	struct stat status;
	int error = 0;

	if (item.fd < 0)
		return -errno;
	if (fstat(item.fd, &status) || ioctl(item.fd, NS_GET_NSTYPE) != CLONE_NEWNET)
		error = -EINVAL;
	if (error || netns_listed(list, status.st_ino)) {
		close(item.fd);
		return error;
	}
	snprintf(item.name, sizeof(item.name), "%s", name);
	item.inode = status.st_ino;
	item.cookie = cookie_of(item.fd);
	error = array_append(&list->items, &list->count, &item, sizeof(item));
	if (error)
		close(item.fd);
	else
		hc_step("opened the network namespace %s (%u)", path, item.inode);
	return error;
}

char *netns_path(const char *name, char path[NETNS_PATH])
{
	snprintf(path, NETNS_PATH, strchr(name, '/') ? "%s" : RUN_NETNS "/%s", name);
	return path;
}

int netns_resolve(struct netns_list *list, char *const *names, size_t count)
{
	char path[NETNS_PATH];
	int error;

	memset(list, 0, sizeof(*list));
	if (!count) {
		error = list_netns(list, "", "/proc/self/ns/net");
		return error ? hc_error_errno(error, "cannot open our network namespace") : 0;
	}
	for (size_t i = 0; i < count; i++) {
		error = list_netns(list, names[i], netns_path(names[i], path));
		if (error == -EINVAL)
			hc_error("netns %s: %s is not a network namespace", names[i], path);
		else if (error)
			hc_error_errno(error, "netns %s: cannot open %s%s", names[i], path,
				       privileges_hint(error));
		if (error) {
			netns_free(list);
			return error;
		}
	}
	return 0;
}

int netns_find_all(struct netns_list *list)
{
	struct dirent *entry;
	char path[512];
	DIR *folder;

	memset(list, 0, sizeof(*list));
	list_netns(list, "", "/proc/self/ns/net");
	folder = opendir(RUN_NETNS);
	while (folder && (entry = readdir(folder))) {
		snprintf(path, sizeof(path), RUN_NETNS "/%s", entry->d_name);
		if (entry->d_name[0] != '.')
			list_netns(list, entry->d_name, path);
	}
	if (folder)
		closedir(folder);
	folder = opendir("/proc");
	if (!folder)
		return hc_error_errno(errno, "cannot read /proc");
	while ((entry = readdir(folder))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/ns/net", entry->d_name);
		list_netns(list, path,
			   path); /* a process that is gone by now has no sessions */
	}
	closedir(folder);
	return 0;
}

int netns_inside(const struct netns *netns, int (*work)(void *context), void *context)
{
	int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), result;

	if (home < 0)
		return hc_error_errno(errno, "cannot open our network namespace");
	if (setns(netns->fd, CLONE_NEWNET)) {
		result = hc_error_errno(errno, "cannot enter the network namespace %s",
					netns->name);
	} else {
		result = work(context);
		if (setns(home, CLONE_NEWNET)) {
			/* Going on in a foreign namespace would do harm. */
			hc_error_errno(errno, "cannot return to our network namespace");
			abort();
		}
	}
	close(home);
	return result;
}

void netns_take_cookies(struct netns_list *list, const struct netns_list *from)
{
	for (size_t i = 0; i < list->count; i++)
		for (size_t j = 0; j < from->count && !list->items[i].cookie; j++)
			if (list->items[i].inode == from->items[j].inode)
				list->items[i].cookie = from->items[j].cookie;
}

void netns_free(struct netns_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		close(list->items[i].fd);
	free(list->items);
	memset(list, 0, sizeof(*list));
}
