/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A ring of records that many write, on any CPU, and one reads; without a lock, and without a
 * call of the kernel. Both sides of it, over memory that they share: the map `event_ring` for
 * what is below, the map `events` for the records.
 *
 * A writer claims a position, which is the record's slot and its place in the order, fills the
 * slot, and publishes it by its turn. The reader stops at the first position that is not
 * published: writers are interrupted, and finish later. Nothing is overwritten that was not
 * read: a full ring takes nothing, and the writer counts the loss.
 *
 * Turns are of twice as many positions as there are slots: of a position that found room when
 * its writer looked and none when he had claimed it, the turn is free, though the slot is not.
 * He publishes it as empty, and the reader passes over it.
 *
 * When the reader has read all, it goes back to the first slot, by leaving out positions. So a
 * reader that keeps up has the writers work in the same few slots, which stay in the cache:
 * the rest of the ring is there for one that does not.
 */
#ifndef HEADCOUNT_EVENT_RING_H
#define HEADCOUNT_EVENT_RING_H

#include <stdbool.h>
#include <linux/types.h>

#ifndef HC_EVENT_SLOTS
#define HC_EVENT_SLOTS 65536 /* a power of two */
#endif
#define HC_EVENT_TURNS (2 * HC_EVENT_SLOTS)
#define HC_EVENT_SIZE  256 /* bytes of a slot: the longest record */

#define HC_REFUSALS_SIZE (1 << 19) /* bytes of the other ring, which is one of the kernel's */

/* Pinned: the next reader goes on where the last one ended. */
struct hc_event_ring {
	__u64 state;    /* the next position, and how many before it are not read: below */
	__u64 spare[7]; /* turns have cache lines of their own */
	__u64 turn[HC_EVENT_TURNS]; /* of the last position that was published:
				       event_ring_turn() */
};

struct hc_event_slot {
	__u64 record[HC_EVENT_SIZE / sizeof(__u64)];
};

/* Of the state these bits count what is not read: some more than there are slots, by those who
 * find it full. A position has the 46 others, and wraps after 200 days of 50 rewinds a second:
 * a turn that is left of the time before could be taken for this one between a claim and its
 * publishing alone. */
#define EVENT_RING_SHIFT 18
#define EVENT_RING_LOW   ((1ull << EVENT_RING_SHIFT) - 1)
#define EVENT_RING_ONE   ((1ull << EVENT_RING_SHIFT) + 1) /* a position more, not read */

static inline __u64 event_ring_next(__u64 state)
{
	return state >> EVENT_RING_SHIFT;
}

static inline __u32 event_ring_unread(__u64 state)
{
	return state & EVENT_RING_LOW;
}

static inline __u32 event_ring_slot(__u64 position)
{
	return position & (HC_EVENT_SLOTS - 1);
}

/* `size` is at most HC_EVENT_SIZE. */
static inline __u64 event_ring_turn(__u64 position, __u32 size)
{
	return (position + 1) << EVENT_RING_SHIFT | size;
}

/* The record at a position is the reader's from here on, `size` bytes. 0: there is none. */
static inline void event_ring_publish(struct hc_event_ring *ring, __u64 position, __u32 size)
{
	volatile __u64 *turn = &ring->turn[position & (HC_EVENT_TURNS - 1)];

#if defined(__x86_64__) || defined(__TARGET_ARCH_x86)
	__asm__ volatile("" ::: "memory"); /* others see its stores in their order */
	*turn = event_ring_turn(position, size);
#elif defined(__bpf__)
	__sync_lock_test_and_set(turn, event_ring_turn(position, size)); /* a full barrier */
#else
	__atomic_store_n(turn, event_ring_turn(position, size), __ATOMIC_RELEASE);
#endif
}

/* A position whose slot is the caller's until he publishes it. False: the ring is full. */
static inline bool event_ring_claim(struct hc_event_ring *ring, __u64 *position)
{
	__u64 state = *(volatile __u64 *)&ring->state;

	if (event_ring_unread(state) >= HC_EVENT_SLOTS)
		return false;
	state = __sync_fetch_and_add(&ring->state, EVENT_RING_ONE);
	*position = event_ring_next(state);
	if (event_ring_unread(state) < HC_EVENT_SLOTS)
		return true;
	event_ring_publish(ring, *position, 0);
	return false;
}

/* The reader. */
struct event_ring_reader {
	struct hc_event_ring *ring;
	__u64 position; /* its next */
	__u64 claimed;  /* by writers from there on, at least */
	__u32 read;     /* and not released yet */
};

/* From the first record that nobody has released. */
static inline void event_ring_begin(struct event_ring_reader *reader)
{
	__u64 state = __atomic_load_n(&reader->ring->state, __ATOMIC_RELAXED);

	reader->position = event_ring_next(state) - event_ring_unread(state);
	reader->claimed = event_ring_unread(state);
	reader->read = 0;
}

/* The next record's position and size, 0 if nothing is there. False: it is not published. */
static inline bool event_ring_read(struct event_ring_reader *reader, __u64 *position,
				   __u32 *size)
{
	struct hc_event_ring *ring = reader->ring;
	__u64 state, turn;

	if (!reader->claimed) {
		state = __atomic_load_n(&ring->state, __ATOMIC_RELAXED);
		reader->claimed = event_ring_unread(state) - reader->read;
	}
	turn = __atomic_load_n(&ring->turn[reader->position & (HC_EVENT_TURNS - 1)],
			       __ATOMIC_ACQUIRE);
	*size = turn & EVENT_RING_LOW;
	if (!reader->claimed || turn - *size != event_ring_turn(reader->position, 0))
		return false;
	*position = reader->position++;
	reader->claimed--;
	reader->read++;
	return true;
}

/* What was read may be overwritten. */
static inline void event_ring_release(struct event_ring_reader *reader)
{
	__atomic_sub_fetch(&reader->ring->state, reader->read, __ATOMIC_ACQ_REL);
	reader->read = 0;
}

/* Back to the first slot, if nothing is there to read. It begins anew after that. */
static inline void event_ring_rewind(struct event_ring_reader *reader)
{
	__u64 state = __atomic_load_n(&reader->ring->state, __ATOMIC_RELAXED), first;

	first = (event_ring_next(state) + HC_EVENT_SLOTS - 1) & ~(HC_EVENT_SLOTS - 1ull);
	if (!event_ring_unread(state))
		__atomic_compare_exchange_n(&reader->ring->state, &state,
					    first << EVENT_RING_SHIFT, false, __ATOMIC_RELAXED,
					    __ATOMIC_RELAXED);
}

#endif
