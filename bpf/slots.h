/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Arithmetic of struct hc_slots: taking, keeping and giving back. The caller
 * holds the lock of whatever the slots are part of, and has called
 * slots_forget() with the same `now` in the same locked section. No kernel
 * call is made here, so that the unit tests can run it as it is.
 */
#ifndef HEADCOUNT_SLOTS_H
#define HEADCOUNT_SLOTS_H

#include "policy.h"

static __always_inline __u32 slots_tick(__u64 now)
{
	return now >> HC_TICK_SHIFT;
}

/* Drops reservations whose time is over. Clocks of two CPUs may differ by a
 * little: time that seems to run backwards changes nothing. */
static __always_inline void slots_forget(struct hc_slots *slots, __u64 now)
{
	__u32 tick = slots_tick(now);
	__s32 passed = tick - slots->tick;

	if (slots->unsure && (__s64)(now - slots->unsure_ns) > (__s64)HC_UNSURE_NS) {
		slots->unsure = 0;
		slots->unsure_round++;
	}
	if (passed <= 0)
		return;
	for (__u32 i = 1; i <= HC_TICKS && slots->held; i++) {
		__u32 *bucket = &slots->bucket[(slots->tick + i) % HC_TICKS];

		if ((__s32)i > passed)
			break;
		slots->held -= *bucket;
		*bucket = 0;
	}
	slots->tick = tick;
}

static __always_inline __u32 slots_taken(const struct hc_slots *slots)
{
	return slots->active + slots->held + slots->unsure;
}

/* Nothing holds on to these slots: neither sessions nor live reservations. */
static __always_inline bool slots_idle(const struct hc_slots *slots, __u64 now)
{
	__s32 passed = slots_tick(now) - slots->tick;

	if (slots->active)
		return false;
	if (slots->unsure && (__s64)(now - slots->unsure_ns) <= (__s64)HC_UNSURE_NS)
		return false;
	return !slots->held || passed >= HC_TICKS;
}

/* A slot for the packet in hand. Returns the round to give it back with. */
static __always_inline __u32 slots_take_unsure(struct hc_slots *slots, __u64 now)
{
	slots->unsure++;
	slots->unsure_ns = now;
	return slots->unsure_round;
}

/* Gives that slot back; false if it had been dropped as stale already. */
static __always_inline bool slots_drop_unsure(struct hc_slots *slots, __u32 round)
{
	if (round != slots->unsure_round || !slots->unsure)
		return false;
	slots->unsure--;
	return true;
}

/* A slot for a handshake under way. Its bucket is that of `now`, which may be a
 * tick behind the newest: slots_unhold() looks for it by the same time. */
static __always_inline void slots_hold(struct hc_slots *slots, __u64 now)
{
	slots->bucket[slots_tick(now) % HC_TICKS]++;
	slots->held++;
}

/* Gives back the slot that was held at time `when`; false if it has expired. */
static __always_inline bool slots_unhold(struct hc_slots *slots, __u64 when)
{
	__s32 age = slots->tick - slots_tick(when);
	__u32 *bucket = &slots->bucket[slots_tick(when) % HC_TICKS];

	if (age >= HC_TICKS || !*bucket)
		return false;
	*bucket -= 1;
	slots->held--;
	return true;
}

/* Gives back the newest slot held: which handshake it was taken for does not
 * matter, and the newest is the likeliest to finish. */
static __always_inline bool slots_unhold_newest(struct hc_slots *slots)
{
	if (!slots->held)
		return false;
	for (__u32 i = 0; i < HC_TICKS; i++) {
		__u32 *bucket = &slots->bucket[(slots->tick - i) % HC_TICKS];

		if (*bucket) {
			*bucket -= 1;
			slots->held--;
			return true;
		}
	}
	return false;
}

#endif
