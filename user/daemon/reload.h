/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HEADCOUNT_RELOAD_H
#define HEADCOUNT_RELOAD_H

#include "user/daemon/daemon.h"

/* Re-reads the configuration: all of it or nothing. Prints what happened. */
int daemon_reload(struct daemon *daemon);

#endif
