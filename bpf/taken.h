/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A user's slots, counted without a lock. tests/model checks these steps against each other.
 *
 * `word` holds how many are taken: by sessions, and by reservations, which are in the ring
 * `held` as well. What is taken is counted in the word first and then in the ring, and leaves
 * the ring first: so the ring never holds more than the word, and the difference are sessions.
 *
 *   - Who takes a slot pins the user by it: user_pin() fails if anything has happened to the
 *     word since it was read, and so if the record has become another user's. After it the key
 *     is compared once more: it may have been another's before.
 *   - A reservation that becomes a session only leaves the ring.
 *   - A bucket whose time is over is emptied by an exchange, and the word lowered by what was
 *     in it: each reservation is either taken over or forgotten.
 *   - A record changes its owner only with nothing taken (user_reclaim), which counts its epoch
 *     on.
 *
 * No kernel call is made here, so that the unit tests can run it as it is.
 */
#ifndef HEADCOUNT_TAKEN_H
#define HEADCOUNT_TAKEN_H

#include "user_table.h"

#define TRIES 4 /* of a step that another CPU may have been ahead in */

static __always_inline __u32 held_tick(__u64 ns)
{
	return ns >> HC_HELD_SHIFT;
}

static __always_inline __u64 user_word(const struct hc_user *user)
{
	return *(const volatile __u64 *)&user->word;
}

/* With the result the addition is ordered: without, clang makes one that is not, on arm64. */
static __always_inline void word_add(struct hc_user *user, __u64 number)
{
	__u64 before = __sync_fetch_and_add(&user->word, number);

	asm volatile("" : : "r"(before));
}

/* One slot more, if nothing has happened to the word since it was read. */
static __always_inline bool user_pin(struct hc_user *user, __u64 word)
{
	return __sync_val_compare_and_swap(&user->word, word, word + 1) == word;
}

/* A slot of a user that cannot be reclaimed now: its set is locked, or it has another one. */
static __always_inline void user_take(struct hc_user *user)
{
	word_add(user, 1);
}

/* Gives one back; how many were taken before. */
static __always_inline __u32 user_give(struct hc_user *user)
{
	__u32 before = HC_USER_TAKEN(__sync_fetch_and_add(&user->word, -1ull));

	/* Not reached as long as each charge is released once; to go below 0 would lock
	 * the user out for good. */
	if (!before)
		user_take(user);
	return before;
}

/* With the set locked: a slot, if that makes no more than `cap`. */
static __always_inline bool user_take_below(struct hc_user *user, __u32 cap)
{
	if (HC_USER_TAKEN(user_word(user)) >= cap)
		return false;
	/* Others may be ahead, who do not hold the lock. */
	if (HC_USER_TAKEN(__sync_fetch_and_add(&user->word, 1)) < cap)
		return true;
	user_give(user);
	return false;
}

static __always_inline void held_add(struct hc_user *user, __u32 tick)
{
	__sync_fetch_and_add(&user->held[tick % HC_TICKS], 1);
}

/* How many buckets from `tick` down hold live reservations at `now`: beyond is what has been
 * forgotten, or what is of ticks to come. */
static __always_inline __s32 held_reach(__u32 tick, __u32 now)
{
	return tick - now + HC_HELD_TICKS;
}

/*
 * Takes a reservation out of the ring: one of `tick`, or else the next older one, since others
 * may have taken theirs from the same bucket. `now` is the tick of now. False: none was found,
 * or another CPU was ahead: held_drop_locked() knows.
 */
static __always_inline bool held_drop(struct hc_user *user, __u32 tick, __u32 now)
{
	for (__s32 age = 0; age < HC_TICKS && age < held_reach(tick, now); age++) {
		__u32 *bucket = &user->held[(tick - age) % HC_TICKS];
		__u32 number = *(volatile __u32 *)bucket;

		/* Below 0 for a moment: held_drop_locked(). */
		if ((__s32)number > 0)
			return __sync_val_compare_and_swap(bucket, number, number - 1) ==
			       number;
	}
	return false;
}

static __always_inline bool user_same(const struct hc_user_key *a, const struct hc_user_key *b)
{
	const __u64 *x = (const __u64 *)a, *y = (const __u64 *)b;

	return x[0] == y[0] && x[1] == y[1] && x[2] == y[2];
}

/* The most slots that the user may take: of the fleet's cap no more than it has units, whose
 * lease is live. */
static __always_inline __u32 user_most(const struct hc_user *user)
{
	__u32 cap = *(const volatile __u32 *)&user->cap, units;

	if (!(*(const volatile __u8 *)&user->traits & HC_OF_FLEET))
		return cap;
	units = *(const volatile __u32 *)&user->units;
	return units < cap ? units : cap;
}

/* A slot, if the cap leaves one, as a reservation of `now` where `held`; the lock is not held.
 * `word` was read after the record was found. */
static __always_inline bool user_try_reserve(struct hc_user *user,
					     const struct hc_user_key *key, __u64 word,
					     __u32 now, bool held)
{
	__u32 most = user_most(user);

	if (user->tick != now || HC_USER_TAKEN(word) >= most || !user_pin(user, word))
		return false;
	/* Once more, behind the barrier of the pin. */
	if (!user_same(&user->key, key) || user_most(user) != most) {
		user_give(user);
		return false;
	}
	if (held)
		held_add(user, now);
	return true;
}

/* A session takes a reservation of the tick `when` over, where `held`, or else a slot. */
static __always_inline bool user_try_charge(struct hc_user *user, const struct hc_user_key *key,
					    __u64 word, __u32 now, __u32 when, bool held)
{
	if (held ? !held_drop(user, when, now) : !user_pin(user, word))
		return false;
	if (user_same(&user->key, key))
		return true;
	if (held)
		held_add(user, when);
	else
		user_give(user);
	return false;
}

/* With the set locked, the same. False: there is none, it has been forgotten. No bucket is
 * emptied meanwhile, so that it need not be tried again. */
static __always_inline bool held_drop_locked(struct hc_user *user, __u32 tick, __u32 now)
{
	for (__s32 age = 0; age < HC_TICKS && age < held_reach(tick, now); age++) {
		__u32 *bucket = &user->held[(tick - age) % HC_TICKS];

		if ((__s32) * (volatile __u32 *)bucket <= 0)
			continue;
		if ((__s32)__sync_fetch_and_add(bucket, -1) > 0)
			return true;
		__sync_fetch_and_add(bucket, 1);
	}
	return false;
}

/* With the set locked, and the ring brought up to now: for a session, one of whatever tick, at
 * last those that were renewed. False: there is none, and so nobody else's is to come on top of
 * it. */
static __always_inline bool held_drop_any(struct hc_user *user, __u32 tick)
{
	return held_drop_locked(user, tick, tick - HC_TICKS);
}

/* Is the bucket's time over at `now`, as the ring was brought up to `upto`? */
static __always_inline bool held_over(__u32 bucket, __u32 upto, __u32 now)
{
	__u32 newest = upto + HC_HELD_MORE;
	__u32 tick = newest - (newest - bucket) % HC_TICKS;

	return (__s32)(tick - (now - (HC_HELD_TICKS - 1))) < 0;
}

/* With the set locked: forgets the reservations whose time is over. Clocks of two CPUs may
 * differ by a little: time that seems to run backwards changes nothing. */
static __always_inline void user_expire(struct hc_user *user, __u32 now)
{
	__u32 upto = user->tick;

	if ((__s32)(now - upto) <= 0)
		return;
	for (__u32 i = 0; i < HC_TICKS; i++) {
		__u32 number;

		if (!user->held[i] || !held_over(i, upto, now))
			continue;
		number = __sync_lock_test_and_set(&user->held[i], 0);
		__sync_fetch_and_add(&user->word, -(__u64)number);
	}
	*(volatile __u32 *)&user->tick = now;
}

/* With the set locked: the fleet's units for the user from now on. The slots that are taken as
 * none can be taken under the older number any more: who has read that, and pins the user after
 * this, looks once more behind the pin. */
static __always_inline __u32 user_set_units(struct hc_user *user, __u32 units)
{
	*(volatile __u32 *)&user->units = units;
	return HC_USER_TAKEN(__sync_fetch_and_add(&user->word, 0));
}

/* Has it no live reservation? That some were renewed is not known. */
static __always_inline bool held_idle(const struct hc_user *user, __u32 now)
{
	return !hc_user_held(user) || (__s32)(now - user->tick) >= HC_HELD_TICKS + HC_HELD_MORE;
}

/*
 * With the set locked: makes the record nobody's, if it has no session. Its reservations are
 * given up, whosever they are. False: a session began just now.
 */
static __always_inline bool user_reclaim(struct hc_user *user)
{
	__u64 word;

	for (__u32 i = 0; i < HC_TICKS; i++) {
		__u32 number = user->held[i] ? __sync_lock_test_and_set(&user->held[i], 0) : 0;

		if (number)
			__sync_fetch_and_add(&user->word, -(__u64)number);
	}
	word = user_word(user);
	return !HC_USER_TAKEN(word) &&
	       __sync_val_compare_and_swap(&user->word, word,
					   word + HC_USER_EPOCH + HC_USER_MAKING) == word;
}

/* It is another's now; before, its key and the rest have been written. */
static __always_inline void user_made(struct hc_user *user)
{
	word_add(user, -HC_USER_MAKING);
}

/*
 * With the set locked, and the ring brought up to `now`: a reservation of `tick` becomes one of
 * tick `to`. One that is not there any more, or with `gone` has been given back by another CPU,
 * is made anew if `most` leaves a slot; if not, its session comes late and is looked at then.
 */
static __always_inline void user_renewed(struct hc_user *user, __u32 tick, __u32 to, __u32 now,
					 __u32 most, bool gone)
{
	if ((!gone && held_drop_locked(user, tick, now)) || user_take_below(user, most))
		held_add(user, to);
}

/* By `audit --repair`: so many more, unless something has happened to the word since it was
 * read. The epoch makes it another one for good: of two repairs at once only one is done,
 * whatever the users' number comes to meanwhile. */
static __always_inline bool user_correct(struct hc_user *user, __u64 word, __s32 change)
{
	return __sync_val_compare_and_swap(&user->word, word,
					   word + (__s64)change + HC_USER_EPOCH) == word;
}

static __always_inline void peak_raise(struct hc_user *user, __u32 active)
{
	for (int try = 0; try < TRIES; try++) {
		__u32 peak = *(volatile __u32 *)&user->peak;

		if (active <= peak ||
		    __sync_val_compare_and_swap(&user->peak, peak, active) == peak)
			return;
	}
}

/* The time of a reservation that is renewed as its SYN-ACK goes out again: so much later that
 * it lives until the next time, or the end, which comes in 2 s, then 4. Before that it had gone
 * out `resent` times by the timer, at most HC_SYN_RETRIES - 1 on a listener that we have
 * bounded. */
static __always_inline __u64 held_renewed(__u64 now, __u32 resent)
{
	return resent ? now + ((__u64)HC_HELD_MORE << HC_HELD_SHIFT) : now;
}

#endif
