/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The user table, and slots: how many are taken by whom, and what was refused. Integers are in
 * host byte order, times CLOCK_MONOTONIC nanoseconds.
 */
#ifndef HEADCOUNT_USER_TABLE_H
#define HEADCOUNT_USER_TABLE_H

#include "policy.h"

/*
 * A slot is taken by an admitted session (active), by a handshake under way (held), or by a
 * packet that may turn out to be the start of one (unsure); the cap bounds the sum.
 *
 * What never comes to anything is forgotten by time: reservations are counted in
 * a ring of HC_TICKS buckets, each for the reservations of one tick, and a bucket
 * whose time is over is emptied.
 *
 * A handshake's is renewed each time that its SYN-ACK goes out again (bpf/request.h), the last
 * time HC_SYN_RETRIES after the first; until the next it is at most 4 s, and so it lives as
 * long as the request. The total's is not, and is short: SYNs that were forged in everybody's
 * name are not to keep the total full. Who finishes a handshake later than that is looked at
 * once more.
 */
#define HC_SYN_RETRIES 2 /* after 1 and 3 s; the request goes after 7 */
#define HC_TICKS       8
#define HC_HELD_SHIFT                                                                          \
	30                 /* tick of 2^30 ns = 1.07 s; a handshake has HC_HELD_TICKS of them: \
			    */
#define HC_HELD_TICKS   4  /* 3.2 to 4.3 s, or up to 6.4 s after it was renewed */
#define HC_HELD_MORE    2  /* ticks that it may have more then */
#define HC_TOTAL_SHIFT  27 /* 2^27 ns = 134 ms: 0.94 to 1.07 s for one, of a service's total */
#define HC_UNSURE_SHIFT 22 /* tick of 2^22 ns = 4.2 ms: 25 to 34 ms for a packet, which has */
#define HC_UNSURE_TICKS 8  /* so many of them */

struct hc_ring {
	__u64 tick; /* the newest bucket's: ns >> shift */
	__u32 bucket[HC_TICKS];
	__u32 sum; /* of all buckets */
	__u32 spare;
};

/* Of a service as a whole: under its lock. */
struct hc_slots {
	struct hc_ring held;
	struct hc_ring unsure;
	__u32 active;
	__u32 spare;
};

/* Refusals reported one by one: at most HC_REFUSALS_PER_WINDOW in
 * 2^HC_WINDOW_SHIFT ns, the rest as a number. */
#define HC_WINDOW_SHIFT        30
#define HC_REFUSALS_PER_WINDOW 5

struct hc_refusals {
	__u32 window;     /* ns >> HC_WINDOW_SHIFT */
	__u16 sent;       /* reported in this window */
	__u8 flags;       /* HC_F_OBSERVED, HC_F_TOTAL */
	__u8 excess;      /* enum hc_excess that the last one got */
	__u32 suppressed; /* counted since the last report; of the last one of them: */
	__u32 active;     /* the user's sessions at that moment */
};

/*
 * A user. Its slots are counted without a lock, by atomics: bpf/taken.h says how. The rest is
 * written under the lock of its set, but for `peak`, `opened` and `last_ns`. `units` and
 * `shard` are the fleet's (fleet.h), by the program set_units alone.
 */
struct hc_user {
	__u64 word; /* HC_USER_TAKEN, HC_USER_MAKING, HC_USER_EPOCH */
	struct hc_user_key key;
	__u32 cap; /* resolved under `generation`, as are `traits` */
	__u32 generation;
	__u32 tick; /* the ring has been brought up to: ns >> HC_HELD_SHIFT */
	__u32 peak;
	__u64 opened;         /* sessions since the record was made */
	__u64 last_ns;        /* CLOCK_MONOTONIC of the last change */
	__u32 held[HC_TICKS]; /* reservations of tick t: held[t % HC_TICKS] */
	__u64 refused;        /* attempts refused, or in observe mode attempts over the cap */
	struct hc_refusals refusals;
	__u32 units;  /* HC_OF_FLEET: so many slots, while the lease is live */
	__u16 looked; /* ns >> HC_UNSURE_SHIFT, when packets in hand were last looked through */
	__u8 traits;  /* enum hc_traits */
	__u8 shard;   /* from 1; 0: no units have been set */
};

#define HC_USER_TAKEN(word) ((__u32)(word)) /* slots: sessions and reservations */
#define HC_USER_MAKING      (1ull << 32)    /* the record is becoming another user's */
#define HC_USER_EPOCH       (1ull << 33)    /* counts to whom it has belonged, from here up */

/* Reservations of a user, those included whose time is over and that nobody has emptied yet. */
static inline __u32 hc_user_held(const struct hc_user *user)
{
	__u32 held = 0;

	for (int i = 0; i < HC_TICKS; i++)
		held += user->held[i];
	return held;
}

/* Sessions of a user; by one too many or too few while others are at work. */
static inline __u32 hc_user_active(const struct hc_user *user)
{
	__u32 taken = HC_USER_TAKEN(user->word), held = hc_user_held(user);

	return taken > held ? taken - held : 0;
}

/*
 * The user table is set-associative: a key hashes to one set, and its user is made and
 * reclaimed there under the set's lock. There is nothing to free.
 */
#define HC_WAYS 32

struct hc_user_set {
	struct bpf_spin_lock lock;
	__u32 found;        /* the way that the holder of the lock works on */
	__u64 worth, least; /* the holder's, while it looks for a way to reclaim */
	__u64 spare[5];     /* users begin at a cache line */
	__u32 tag[HC_WAYS]; /* 0: free; else the upper 32 bits of the key's hash, never 0 */
	struct hc_user way[HC_WAYS];
};

/* A way by its number in the whole table, from 1; 0 is none. */
static inline __u32 hc_user_position(__u32 set, __u32 way)
{
	return set * HC_WAYS + way + 1;
}

/* Slots and refusals of one service as a whole, index is the service id. */
struct hc_service_state {
	struct bpf_spin_lock lock;
	__u32 spare;
	struct hc_slots slots;
	__u64 refused; /* refusals charged to `total`, of all users */
};

HC_STATIC_ASSERT(sizeof(struct hc_slots) == 104);
HC_STATIC_ASSERT(sizeof(struct hc_user) == 128);

#endif
