/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HEADCOUNT_UNIX_SOCKET_H
#define HEADCOUNT_UNIX_SOCKET_H

#include <stdbool.h>
#include <sys/un.h>

/* Is there a socket that nobody listens on? That is what a killed run leaves. */
bool unix_socket_is_left_over(const struct sockaddr_un *address);

#endif
