/* SPDX-License-Identifier: GPL-2.0-only */
/* The socket that the metrics are asked for at. */
#ifndef HEADCOUNT_METRICS_SOCKET_H
#define HEADCOUNT_METRICS_SOCKET_H

#include <sys/stat.h>
#include "user/config/config.h"

struct metrics_socket {
	int fd;
	struct config_metrics where;
	struct stat file; /* of a Unix socket */
};

/* Opens, binds, listens; does not block. Prints the error. */
int metrics_socket_open(struct metrics_socket *socket, const struct config_metrics *where);

/* Takes the file of a Unix socket away, if it is still ours. Does not close. */
void metrics_socket_remove(const struct metrics_socket *socket);

#endif
