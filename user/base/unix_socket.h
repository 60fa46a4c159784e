/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HEADCOUNT_UNIX_SOCKET_H
#define HEADCOUNT_UNIX_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/un.h>

/* Is there a socket that nobody listens on? That is what a killed run leaves. */
bool unix_socket_is_left_over(const struct sockaddr_un *address);

/* A record and up to UNIX_FDS descriptors between processes of ours; -1 is none, and those that
 * are there come first. Each returns 0 or a negative errno; who receives, -EPIPE if the other
 * side has gone or sent something else. What came is the receiver's to close, whatever is
 * returned. */
#define UNIX_FDS 2
int unix_send(int to, const void *record, size_t size, const int fds[UNIX_FDS]);
int unix_receive(int from, void *record, size_t size, int fds[UNIX_FDS]);

#endif
