/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HEADCOUNT_LOOP_H
#define HEADCOUNT_LOOP_H

#include "user/daemon/daemon.h"

/* Tells systemd that we are ready, and drains until SIGINT, SIGTERM or a closed stdout (0), or
 * an error. */
int daemon_loop(struct daemon *daemon);

#endif
