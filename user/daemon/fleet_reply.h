/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Answers what other hosts of the fleet ask (user/fleet/ask.h), in a thread for each store with
 * two connections to it, so that nothing it does keeps a lease or an admission waiting, and
 * that any store will do for who asks. What is asked for is run by the process of
 * fleet_runner.h: REPLY_AT_ONCE at once and REPLY_A_SECOND a second; more is refused, and
 * counted (askers.h).
 */
#ifndef HEADCOUNT_FLEET_REPLY_H
#define HEADCOUNT_FLEET_REPLY_H

#include "user/daemon/fleet_runner.h"

#define REPLY_AT_ONCE  2
#define REPLY_A_SECOND 10

struct fleet_reply;

/* Copies what it needs of `fleet`; `runner` outlives it. Starts the threads. `*reply` is the
 * caller's, whatever happens. Returns 0, or a negative errno after the printed error. */
int fleet_reply_start(struct fleet_reply **reply, const struct config_fleet *fleet,
		      struct fleet_runner *runner);

/* Ends the threads; takes NULL. */
void fleet_reply_end(struct fleet_reply *reply);

#endif
