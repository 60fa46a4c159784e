/* SPDX-License-Identifier: GPL-2.0-only */
/* Network namespaces: by name, by path, and all that can be found. */
#ifndef HEADCOUNT_NETNS_H
#define HEADCOUNT_NETNS_H

#include <stdbool.h>
#include <stddef.h>

struct netns {
	char name[256]; /* as configured, or where it was found */
	unsigned int inode;
	unsigned int cookie; /* lower half of SO_NETNS_COOKIE; 0: we may not enter it */
	int fd;              /* open, owned by the list */
};

/* Where the namespace of a configuration's name is: below /run/netns, or a path already.
 * Returns `path`. */
#define NETNS_PATH 512
char *netns_path(const char *name, char path[NETNS_PATH]);

struct netns_list {
	struct netns *items;
	size_t count;
};

/* Opens the namespaces of `names` (names below /run/netns, or paths); with none,
 * the one we are in. Each is listed once. Prints an error, returns -errno. */
int netns_resolve(struct netns_list *list, char *const *names, size_t count);

/* Every namespace that a process is in, or that is mounted below /run/netns. */
int netns_find_all(struct netns_list *list);

/* Runs `work` inside of the namespace and comes back. Returns what it returned. */
int netns_inside(const struct netns *netns, int (*work)(void *context), void *context);

/* The lower half of the cookie of the namespace that a socket is of; 0 if there is none. */
unsigned int netns_cookie(int socket);

/* Takes cookies that we cannot find out any more from a list that has the same namespaces: that
 * it holds them open means that they are the same. */
void netns_take_cookies(struct netns_list *list, const struct netns_list *from);

bool netns_listed(const struct netns_list *list, unsigned int inode);
void netns_free(struct netns_list *list);

#endif
