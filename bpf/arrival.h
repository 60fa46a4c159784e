/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The slot of a packet in hand: reserved by sk_lookup, taken over within the
 * processing of the same packet on the same CPU, or else given back: as that CPU
 * sees the next packet, or by another CPU that would refuse for lack of it. See struct
 * arrival in maps.h.
 */
#ifndef HEADCOUNT_ARRIVAL_H
#define HEADCOUNT_ARRIVAL_H

#include "act.h"

/* This CPU is through with it. False: its slot has been given back by another one meanwhile. */
static __always_inline bool arrival_done(struct arrival *arrival)
{
	__u64 state = *(volatile __u64 *)&arrival->state, none = state & ~ARRIVAL_STATE;

	if ((state & ARRIVAL_STATE) == ARRIVAL_PENDING &&
	    __sync_val_compare_and_swap(&arrival->state, state, none) == state)
		return true;
	*(volatile __u64 *)&arrival->state = none;
	return false;
}

static __always_inline bool arrival_any(const struct arrival *arrival)
{
	return *(const volatile __u64 *)&arrival->state & ARRIVAL_STATE;
}

/* The last packet's slot, if nobody took it over: that packet opened nothing. */
static __always_inline void arrival_clear(struct arrival *arrival, __u64 now)
{
	struct claim claim = {
		.now = now,
		.when = arrival->when,
		.total = arrival->total,
	};

	if (arrival_done(arrival))
		user_unreserve(&claim, &arrival->user, UNSURE);
}

/* `when`: of the reservation. */
static __always_inline void arrival_set(struct arrival *arrival, const struct claim *claim,
					const struct hc_session *packet, __u64 when)
{
	arrival->user = packet->user;
	arrival->when = when;
	arrival->total = claim->total;
	arrival->position = claim->position;
	arrival->remote_low = *(const __u32 *)&packet->ends.remote[12];
	arrival->remote_port = packet->ends.remote_port;
	arrival->local_port = packet->ends.local_port;
	/* Whoever sees it pending sees the rest. */
	__sync_lock_test_and_set(&arrival->state,
				 (arrival->state & ~ARRIVAL_STATE) + ARRIVAL_NEXT);
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
	if (!arrival_any(arrival) || arrival->remote_port != remote_port ||
	    arrival->local_port != local_port)
		return NULL;
	return arrival->remote_low == low || arrival->remote_low == other_low ? arrival : NULL;
}

/* Where the user's record was found for the last packet that this CPU let in: for the next one
 * that is charged, it may be the same. 0: nowhere. */
static __always_inline __u32 arrival_position(void)
{
	const struct cpu_state *cpu = this_cpu();

	return cpu ? cpu->arrival.position : 0;
}

/* A request was queued for the packet: its slot is a handshake's now. Of the two
 * addresses of a request socket only its own family's is set. */
static __noinline void arrival_queued(__u32 ipv4, __u32 ipv6_low, __u16 remote_port,
				      __u16 local_port)
{
	struct arrival *arrival = arrival_of(ipv4, ipv6_low, remote_port, local_port);
	/* The same packet's: the clock is dear, and has been read for it. */
	struct claim claim = {};

	if (!arrival)
		return;
	claim.now = claim.when = arrival->when;
	claim.total = arrival->total;
	/* This CPU stalled, and somebody else has the slot: another one, if there is. What
	 * stays without, of the user or of the total, comes late. */
	if (!arrival_done(arrival)) {
		user_renew(&claim, &arrival->user, claim.now, true);
		return;
	}
	if (claim.total)
		total_step(&claim, arrival->user.service, UNSURE, TOTAL_HOLD, 0);
}

static __always_inline bool arrival_stalled(const struct arrival *arrival, __u64 state,
					    __u64 now)
{
	return (state & ARRIVAL_STATE) == ARRIVAL_PENDING &&
	       (__s64)(now - arrival->when) >= (HC_UNSURE_TICKS - 1ll) << HC_UNSURE_SHIFT;
}

/* What a CPU's packet holds of this user, if that came to nothing. False: there is no such CPU.
 * Global: the verifier goes through it once, and not for each CPU. */
__noinline int arrival_take_away(__u32 number, const struct hc_user_key *key, __u64 now)
{
	struct cpu_state *cpu = cpu_state_of(number);
	struct arrival *arrival;
	struct claim claim = {.now = now};
	__u64 state;

	if (!cpu || !key)
		return false;
	arrival = &cpu->arrival;
	if (!arrival_stalled(arrival, *(volatile __u64 *)&arrival->state, now))
		return true;
	/* A full barrier: what is read after it is of this arrival, or a later one. */
	state = __sync_fetch_and_add(&arrival->state, 0);
	claim.when = arrival->when;
	claim.total = arrival->total;
	if (arrival_stalled(arrival, state, now) && user_same(&arrival->user, key) &&
	    __sync_val_compare_and_swap(&arrival->state, state,
					(state & ~ARRIVAL_STATE) + ARRIVAL_GONE) == state)
		user_unreserve(&claim, key, UNSURE);
	return true;
}

/* Gives back what packets of this user hold that came to nothing, on CPUs that have seen no
 * other since. Returns 0. */
__noinline int arrivals_look(const struct hc_user_key *key, __u64 now)
{
	for (__u32 i = 0; i < HC_CPUS_MAX; i++)
		if (!arrival_take_away(i, key, now))
			break;
	return 0;
}

#endif
