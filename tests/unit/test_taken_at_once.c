// SPDX-License-Identifier: GPL-2.0-only
/* bpf/taken.h as it is, by threads at once. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif
#include "../../bpf/taken.h"

/*
 * Threads on one record, which belongs to two users in turn: each reserves as user_try() and
 * user_act() do, takes over, gives back, lets expire, renews, and releases. The lock is the
 * set's. Counted beside it: sessions of each user, which the cap bounds, but for late ones.
 */
#define CAP     3
#define THREADS 4
#define ROUNDS  1000000

static struct {
	struct hc_user user;
	pthread_mutex_t lock;
	__u32 sessions, now, late, reclaimed, fast;
} shared = {.user.cap = CAP, .lock = PTHREAD_MUTEX_INITIALIZER};

static bool fast_reserve(__u64 id, __u32 now)
{
	const struct hc_user_key key = {.word = {id}};
	__u64 word = user_word(&shared.user);

	if (word & HC_USER_MAKING || !user_try_reserve(&shared.user, &key, word, now, true))
		return false;
	__sync_fetch_and_add(&shared.fast, 1);
	return true;
}

/* The record is the key's, or becomes it if it can. */
static bool own_locked(__u64 key, __u32 now)
{
	struct hc_user *user = &shared.user;

	user_expire(user, now);
	if (user->key.word[0] == key)
		return true;
	if (HC_USER_TAKEN(user_word(user)) || !user_reclaim(user))
		return false;
	*(volatile __u64 *)user->key.word = key;
	user->tick = now;
	shared.reclaimed++;
	user_made(user);
	return true;
}

static bool slow_reserve(__u64 key, __u32 now)
{
	bool taken;

	pthread_mutex_lock(&shared.lock);
	taken = own_locked(key, now) && user_take_below(&shared.user, CAP);
	if (taken)
		held_add(&shared.user, now);
	pthread_mutex_unlock(&shared.lock);
	return taken;
}

/* The session is charged, or is late: whoever finds no reservation, and no record. */
static bool charge(__u64 id, __u32 when, __u32 now)
{
	const struct hc_user_key key = {.word = {id}};
	__u64 word = user_word(&shared.user);

	if (*(volatile __u64 *)shared.user.key.word == id && !(word & HC_USER_MAKING) &&
	    user_try_charge(&shared.user, &key, word, now, when, true))
		return true;
	__sync_fetch_and_add(&shared.late, 1);
	return false;
}

static void unreserve(__u64 key, __u32 when, __u32 now)
{
	struct hc_user *user = &shared.user;

	if (*(volatile __u64 *)user->key.word != key || !held_drop(user, when, now))
		return;
	if (*(volatile __u64 *)user->key.word == key)
		user_give(user);
	else
		held_add(user, when);
}

static void *strain(void *context)
{
	unsigned int seed = (uintptr_t)context;
	bool over = false;

	for (int round = 0; round < ROUNDS; round++) {
		__u64 key = rand_r(&seed) % 2;
		__u32 now = *(volatile __u32 *)&shared.now, when = now;
		int fate = rand_r(&seed) % 16;
		bool stalls = rand_r(&seed) % 64 == 0;

		if (!fast_reserve(key, now) && !slow_reserve(key, now)) {
			if (fate == 15)
				__sync_fetch_and_add(&shared.now, 1);
			continue;
		}
		if (stalls)
			now = __sync_add_and_fetch(&shared.now, rand_r(&seed) % HC_TICKS);
		if (fate < 8 && charge(key, when, now)) {
			over |= __sync_add_and_fetch(&shared.sessions, 1) > CAP;
			__sync_fetch_and_add(&shared.sessions, -1);
			user_give(&shared.user);
		} else if (fate < 14) {
			unreserve(key, when, now);
		} /* else it is left to expire */
	}
	return (void *)(uintptr_t)over;
}

static void test_at_once(void **state)
{
	pthread_t threads[THREADS];
	bool over = false;

	(void)state;
	shared.now = 100;
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, strain, (void *)(i + 1)), 0);
	for (int i = 0; i < THREADS; i++) {
		void *result;

		pthread_join(threads[i], &result);
		over |= !!result;
	}
	printf("# %u ticks, %u times another's, %u reserved without the lock, %u late\n",
	       shared.now - 100, shared.reclaimed, shared.fast, shared.late);
	assert_false(over);
	assert_true(shared.fast > ROUNDS / 100 && shared.late > 10 && shared.reclaimed > 100 &&
		    shared.now > 200);
	user_expire(&shared.user, shared.now + HC_TICKS);
	assert_int_equal(HC_USER_TAKEN(shared.user.word), 0);
	assert_int_equal(hc_user_held(&shared.user), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {cmocka_unit_test(test_at_once)};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
