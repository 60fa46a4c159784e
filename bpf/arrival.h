/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The slot of a packet in hand: reserved by sk_lookup, taken over within the
 * processing of the same packet on the same CPU, or else given back. See struct
 * arrival in maps.h.
 */
#ifndef HEADCOUNT_ARRIVAL_H
#define HEADCOUNT_ARRIVAL_H

#include "admit.h"

/* The last packet's slot, if nobody took it over: that packet opened nothing. */
static __always_inline void arrival_clear(struct arrival *arrival, __u64 now)
{
	struct claim claim = {
		.now = now,
		.round = arrival->round,
		.total_round = arrival->total_round,
		.total = arrival->total,
	};

	arrival->pending = false;
	user_unreserve(&claim, &arrival->user, UNSURE);
}

static __always_inline void arrival_set(struct arrival *arrival, const struct claim *claim,
					const struct hc_session *packet)
{
	arrival->user = packet->user;
	arrival->round = claim->round;
	arrival->total_round = claim->total_round;
	arrival->total = claim->total;
	arrival->remote_low = *(const __u32 *)&packet->ends.remote[12];
	arrival->remote_port = packet->ends.remote_port;
	arrival->local_port = packet->ends.local_port;
	arrival->pending = true;
}

/*
 * Takes this CPU's arrival over if it is for the packet with these ends:
 * `remote_low` is the last 4 bytes of the peer's address. Fills the claim and
 * returns the user whose slot it is, or NULL.
 */
static __always_inline const struct hc_user_key *
arrival_take(struct claim *claim, __u32 remote_low, __u16 remote_port, __u16 local_port)
{
	struct cpu_state *cpu = this_cpu();
	struct arrival *arrival;

	if (!cpu)
		return NULL;
	arrival = &cpu->arrival;
	if (!arrival->pending || arrival->remote_low != remote_low ||
	    arrival->remote_port != remote_port || arrival->local_port != local_port)
		return NULL;
	arrival->pending = false;
	claim->round = arrival->round;
	claim->total_round = arrival->total_round;
	claim->total = arrival->total;
	return &arrival->user;
}

/* A request was queued for the packet: its slot becomes a handshake's. */
static __noinline void arrival_queued(__u32 remote_low, __u16 remote_port, __u16 local_port)
{
	struct claim claim = {.now = bpf_ktime_get_coarse_ns()};
	const struct hc_user_key *user =
		arrival_take(&claim, remote_low, remote_port, local_port);

	if (user)
		user_confirm(&claim, user);
}

#endif
