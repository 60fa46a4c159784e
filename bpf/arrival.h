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
		.when = arrival->when,
		.total = arrival->total,
	};

	arrival->pending = false;
	user_unreserve(&claim, &arrival->user, UNSURE);
}

static __always_inline void arrival_set(struct arrival *arrival, const struct claim *claim,
					const struct hc_session *packet)
{
	arrival->user = packet->user;
	arrival->when = claim->now;
	arrival->total = claim->total;
	arrival->remote_low = *(const __u32 *)&packet->ends.remote[12];
	arrival->remote_port = packet->ends.remote_port;
	arrival->local_port = packet->ends.local_port;
	arrival->pending = true;
}

/* Takes this CPU's arrival over; the user whose slot it is. */
static __always_inline const struct hc_user_key *arrival_take(struct arrival *arrival,
							      struct claim *claim)
{
	arrival->pending = false;
	claim->when = arrival->when;
	claim->total = arrival->total;
	return &arrival->user;
}

/* The arrival of a packet with these ports, from an address that ends with one of
 * these four bytes; or NULL. */
static __always_inline struct arrival *arrival_of(__u32 low, __u32 other_low, __u16 remote_port,
						  __u16 local_port)
{
	struct cpu_state *cpu = this_cpu();
	struct arrival *arrival;

	if (!cpu)
		return NULL;
	arrival = &cpu->arrival;
	if (!arrival->pending || arrival->remote_port != remote_port ||
	    arrival->local_port != local_port)
		return NULL;
	return arrival->remote_low == low || arrival->remote_low == other_low ? arrival : NULL;
}

/* A request was queued for the packet: its slot becomes a handshake's. Of the two
 * addresses of a request socket only its own family's is set. */
static __noinline void arrival_queued(__u32 ipv4, __u32 ipv6_low, __u16 remote_port,
				      __u16 local_port)
{
	struct arrival *arrival = arrival_of(ipv4, ipv6_low, remote_port, local_port);
	struct claim claim = {};

	if (!arrival)
		return;
	/* Read for the same packet; reading the clock again would be expensive. */
	claim.now = arrival->when;
	user_confirm(&claim, arrival_take(arrival, &claim));
}

#endif
