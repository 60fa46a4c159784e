/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Arithmetic of struct hc_slots, those of a service as a whole: taking, keeping and giving
 * back. The caller holds its lock, and has called total_forget() with the same `now` in the
 * same locked section. No kernel call is made here, so that the unit tests can run it as it is.
 */
#ifndef HEADCOUNT_SLOTS_H
#define HEADCOUNT_SLOTS_H

#include "user_table.h"

/* Empties the buckets whose time is over. Clocks of two CPUs may differ by a
 * little: time that seems to run backwards changes nothing. */
static __always_inline void ring_forget(struct hc_ring *ring, __u64 now, __u32 shift)
{
	__u64 tick = now >> shift;
	__s64 passed = tick - ring->tick;

	if (passed <= 0)
		return;
	for (__u32 i = 1; i <= HC_TICKS && ring->sum; i++) {
		__u32 *bucket = &ring->bucket[(ring->tick + i) % HC_TICKS];

		if ((__s64)i > passed)
			break;
		ring->sum -= *bucket;
		*bucket = 0;
	}
	ring->tick = tick;
}

/* The bucket is that of `when`, which may be a tick behind the newest, so that
 * ring_drop() finds it by the same time. (A CPU that stalled since it read the
 * clock takes a slot that is forgotten with a newer tick's.) */
static __always_inline void ring_take(struct hc_ring *ring, __u64 when, __u32 shift)
{
	ring->bucket[(when >> shift) % HC_TICKS]++;
	ring->sum++;
}

/* Gives back what was taken at `when`; false if it has been forgotten. */
static __always_inline bool ring_drop(struct hc_ring *ring, __u64 when, __u32 shift)
{
	__s64 age = ring->tick - (when >> shift);
	__u32 *bucket = &ring->bucket[(when >> shift) % HC_TICKS];

	if (age < 0 || age >= HC_TICKS || !*bucket)
		return false;
	*bucket -= 1;
	ring->sum--;
	return true;
}

/* Gives back the newest: which handshake it was taken for does not matter, and
 * the newest is the likeliest to finish. */
static __always_inline bool ring_drop_newest(struct hc_ring *ring)
{
	for (__u32 i = 0; i < HC_TICKS && ring->sum; i++) {
		__u32 *bucket = &ring->bucket[(ring->tick - i) % HC_TICKS];

		if (*bucket) {
			*bucket -= 1;
			ring->sum--;
			return true;
		}
	}
	return false;
}

/* Of a service as a whole: see HC_TOTAL_SHIFT. */
static __always_inline void total_forget(struct hc_slots *slots, __u64 now)
{
	ring_forget(&slots->held, now, HC_TOTAL_SHIFT);
	ring_forget(&slots->unsure, now, HC_UNSURE_SHIFT);
}

static __always_inline __u32 slots_taken(const struct hc_slots *slots)
{
	return slots->active + slots->held.sum + slots->unsure.sum;
}

/* `active` is lowered without the lock, by releases. */
static __always_inline void active_add(struct hc_slots *slots, __s32 number)
{
	__sync_fetch_and_add(&slots->active, number);
}

/* One session less; how many are left. */
static __always_inline __u32 active_take(struct hc_slots *slots)
{
	__u32 before = __sync_fetch_and_add(&slots->active, -1);

	/* Not reached as long as each charge is released once; to go below 0 would lock
	 * the user out for good. */
	if (!before)
		active_add(slots, 1);
	return before ? before - 1 : 0;
}

/* How a slot is reserved, and what a charge takes over. */
enum reservation {
	NOTHING,
	UNSURE, /* taken in sk_lookup, for the packet in hand */
	HELD,   /* a handshake under way */
};

static __always_inline void total_take(struct hc_slots *slots, enum reservation kind, __u64 now)
{
	if (kind == UNSURE)
		ring_take(&slots->unsure, now, HC_UNSURE_SHIFT);
	else if (kind == HELD)
		ring_take(&slots->held, now, HC_TOTAL_SHIFT);
}

static __always_inline bool total_give(struct hc_slots *slots, enum reservation kind,
				       __u64 when)
{
	if (kind == UNSURE)
		return ring_drop(&slots->unsure, when, HC_UNSURE_SHIFT);
	if (kind == HELD && when)
		return ring_drop(&slots->held, when, HC_TOTAL_SHIFT);
	return kind == NOTHING || ring_drop_newest(&slots->held);
}

#endif
