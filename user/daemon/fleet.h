/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Keeps this host's part in a fleet (scope = fleet), in a thread of its own: a user's first
 * session sends its SYN again a second after it was dropped, and by then its unit has to be
 * there. It brings together the protocol (user/fleet), the store and the kernel part's words.
 *
 * Until it has joined, and once its lease is over, the host is alone, and the kernel part goes
 * by `alone`. A daemon that dies prolongs no lease.
 */
#ifndef HEADCOUNT_FLEET_DAEMON_H
#define HEADCOUNT_FLEET_DAEMON_H

#include "user/events/print.h"
#include "user/kernel/load.h"
#include "user/sessions/closer.h"

struct fleet;

/* Before anything is attached: can the files of TLS be read? 0, or a negative errno after the
 * printed error. */
int fleet_check(const struct config *config);

/* Reads the files of TLS, and opens the words of `object`, which outlives it. `*fleet` is the
 * caller's, whatever happens. Returns 0, or a negative errno after the printed error. */
int fleet_new(struct fleet **fleet, const struct headcount_bpf *object,
	      const struct config *config);

/* Starts the thread, which has the capabilities that we have now. `closer` outlives it. The
 * same. */
int fleet_start(struct fleet *fleet, struct closer *closer);

/* What a reload may change of [fleet]. Takes NULL. */
void fleet_set(struct fleet *fleet, const struct config *config);

/* The next piece of news that has not been taken yet; false: there is none. Takes NULL. */
bool fleet_take_news(struct fleet *fleet, struct print_fleet *news);

/* Ends the thread. With `leave` no unit is used any more, and the store is told; else both go
 * on until the lease is over. Takes NULL. */
void fleet_free(struct fleet *fleet, bool leave);

#endif
