/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * alone = close: once a lease is over, the sessions that the fleet's caps hold are closed here,
 * so that other hosts may have what the cap allows and no store has to be told of a debt. In a
 * thread of its own: there may be many, and the leases of other shards are to be renewed
 * meanwhile.
 *
 * Left alone are sessions that no cap of the fleet holds: of services with another scope, of
 * users who are unlimited, without a label, or whose excess is only observed, and of namespaces
 * in which caps do not hold.
 */
#ifndef HEADCOUNT_FLEET_CLOSE_H
#define HEADCOUNT_FLEET_CLOSE_H

#include "user/kernel/load.h"
#include "user/sessions/closer.h"

struct fleet_close;

/* On the maps of `object`, which outlives it, as `closer` does. Both return 0, or a negative
 * errno after the printed error; free it in any case. */
int fleet_close_new(struct fleet_close **closing, const struct headcount_bpf *object,
		    __u32 shards);
int fleet_close_start(struct fleet_close *closing, struct closer *closer);

/* The shards, by their bits, whose users may have nothing here: until it is said otherwise,
 * by whichever thread, their sessions are closed where alone = close. */
void fleet_close_set(struct fleet_close *closing, __u32 shards);

/* How many sessions were closed. */
__u64 fleet_close_count(const struct fleet_close *closing);

/* Ends the thread; takes NULL. */
void fleet_close_free(struct fleet_close *closing);

#endif
