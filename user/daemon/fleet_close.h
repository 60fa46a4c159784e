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

#include "user/daemon/fleet_shard.h"

struct fleet_close;

/* On the maps of `object`, which outlives it, as `closer` does. Both return 0, or a negative
 * errno after the printed error; free it in any case. */
int fleet_close_new(struct fleet_close **closing, const struct headcount_bpf *object,
		    __u32 shards);
int fleet_close_start(struct fleet_close *closing, struct closer *closer);

/* After each round of the fleet's thread, `now` by CLOCK_BOOTTIME; `wanted`: alone = close. Of
 * shards whose lease is over sessions are closed until it is decided otherwise, and what they
 * had goes back as soon as the store hears of it. Returns how many were closed so far. */
__u64 fleet_close_decide(struct fleet_close *closing, struct shard *shards, __u32 count,
			 bool wanted, __u64 now);

/* With alone = close: how long the fleet's thread may sleep that would until then, so that it
 * decides as a lease ends. */
__u64 fleet_close_until(const struct shard *shards, __u32 count, __u64 now, __u64 until);

/* Ends the thread; takes NULL. */
void fleet_close_free(struct fleet_close *closing);

#endif
