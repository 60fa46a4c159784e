// SPDX-License-Identifier: GPL-2.0-only
/* bpf/taken.h as it is: its steps need no kernel. One after the other; test_taken_at_once has
 * threads. */
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

/* A handshake has 3.2 to 4.3 s. */
HC_STATIC_ASSERT((HC_HELD_TICKS - 1ull) << HC_HELD_SHIFT > 3200000000 &&
		 (__u64)HC_HELD_TICKS << HC_HELD_SHIFT < 4300000000);
/* Of the buckets that are not forgotten yet none is that of a tick to come. */
HC_STATIC_ASSERT(HC_HELD_TICKS + HC_HELD_MORE < HC_TICKS);

static void reserve(struct hc_user *user, __u32 tick, __u32 when)
{
	user_expire(user, tick);
	user_take(user);
	held_add(user, when);
}

static void assert_counts(const struct hc_user *user, __u32 active, __u32 held)
{
	assert_int_equal(hc_user_active(user), active);
	assert_int_equal(hc_user_held(user), held);
	assert_int_equal(HC_USER_TAKEN(user->word), active + held);
}

/* To the tick, whenever it was taken: also where the ticks run over, and ahead of time. */
static void test_expiry(void **state)
{
	static const __u32 starts[] = {0, 1, 5, 1000, 0xfffffffb, 0xffffffff};

	(void)state;
	for (size_t i = 0; i < sizeof(starts) / sizeof(*starts); i++)
		for (__u32 more = 0; more <= HC_HELD_MORE; more++) {
			struct hc_user user = {.tick = starts[i]};
			__u32 end = starts[i] + more + HC_HELD_TICKS;

			reserve(&user, starts[i], starts[i] + more);
			for (__u32 tick = starts[i]; tick != end; tick++) {
				user_expire(&user, tick);
				assert_counts(&user, 0, 1);
				assert_false(held_idle(&user, tick));
			}
			assert_true(held_idle(&user, end - 1 + HC_HELD_TICKS + HC_HELD_MORE));
			user_expire(&user, end);
			assert_counts(&user, 0, 0);
			assert_false(held_drop(&user, starts[i] + more, end));
		}
}

/* One a tick: each goes when its own time has come, and a leap takes all. */
static void test_expiry_of_each(void **state)
{
	struct hc_user user = {.tick = 100};

	(void)state;
	for (__u32 tick = 100; tick < 110; tick++) {
		reserve(&user, tick, tick);
		assert_counts(&user, 0, tick < 103 ? tick - 99 : HC_HELD_TICKS);
	}
	user_expire(&user, 105); /* another CPU's clock */
	assert_counts(&user, 0, HC_HELD_TICKS);
	user_expire(&user, 1000000);
	assert_counts(&user, 0, 0);
}

/* A reservation becomes a session, and is given back as one. */
static void test_take_over(void **state)
{
	struct hc_user user = {.tick = 100};

	(void)state;
	reserve(&user, 100, 100);
	assert_true(held_drop(&user, 100, 101));
	assert_counts(&user, 1, 0);
	assert_false(held_drop(&user, 100, 101));
	user_expire(&user, 200);
	assert_counts(&user, 1, 0);
	assert_int_equal(user_give(&user), 1);
	assert_counts(&user, 0, 0);
	assert_int_equal(user_give(&user), 0); /* never below */
	assert_counts(&user, 0, 0);
	assert_true(user_take_below(&user, 1));
	assert_false(user_take_below(&user, 1));
	assert_counts(&user, 1, 0);
}

/* Another handshake of the user took over a newer reservation than its own: what is left is
 * older, and is taken over by the one that is left. Never a newer one. */
static void test_older(void **state)
{
	struct hc_user user = {.tick = 100};

	(void)state;
	reserve(&user, 100, 100);
	reserve(&user, 100, 102);
	assert_true(held_drop(&user, 102, 102));
	assert_true(held_drop(&user, 102, 102));
	assert_counts(&user, 2, 0);
	reserve(&user, 102, 104);
	assert_false(held_drop(&user, 102, 102));
	assert_false(held_drop(&user, 103, 103));
	assert_true(held_drop(&user, 104, 102));
	assert_counts(&user, 3, 0);
}

/* A session takes over whichever there is, at last one that was renewed. */
static void test_any(void **state)
{
	struct hc_user user = {.tick = 100};

	(void)state;
	reserve(&user, 100, 102);
	reserve(&user, 100, 98);
	assert_true(held_drop_any(&user, 100));
	assert_int_equal(user.held[102 % HC_TICKS], 1);
	assert_true(held_drop_any(&user, 100));
	assert_counts(&user, 2, 0);
	assert_false(held_drop_any(&user, 100));
}

/* A renewed one lives until the request ends: 2^n s after its SYN-ACK went out for the n-th
 * time. */
static void test_renewed(void **state)
{
	const __u64 tick = 1ull << HC_HELD_SHIFT, start = 1000 * tick;

	(void)state;
	for (__u32 resent = 0; resent < HC_SYN_RETRIES; resent++) {
		const __u64 gap = 1000000000ull << (resent + 1);

		for (__u64 now = start; now < start + tick; now += tick / 5) {
			struct hc_user user = {.tick = held_tick(now)};

			reserve(&user, held_tick(now), held_tick(held_renewed(now, resent)));
			user_expire(&user, held_tick(now + gap * 21 / 20));
			assert_counts(&user, 0, 1);
			user_expire(&user, held_tick(now + 6 * tick));
			assert_counts(&user, 0, 0);
		}
	}
}

/* Only a user without sessions, and once; who has read the word before comes too late. */
static void test_reclaim(void **state)
{
	struct hc_user user = {.tick = 100};
	__u64 before;

	(void)state;
	reserve(&user, 100, 100);
	reserve(&user, 100, 101);
	assert_true(held_drop(&user, 100, 101));
	assert_false(user_reclaim(&user));
	assert_counts(&user, 1, 0); /* what was given up is late */
	user_give(&user);
	before = user_word(&user);
	assert_true(user_reclaim(&user));
	assert_true(user_word(&user) & HC_USER_MAKING);
	assert_false(user_pin(&user, before));
	user_made(&user);
	assert_false(user_word(&user) & HC_USER_MAKING);
	assert_false(user_pin(&user, before));
	assert_true(user_pin(&user, user_word(&user)));
	assert_counts(&user, 1, 0);
}

/* The record was found, then became another's, and only then was its word read, so that the pin
 * holds: nothing is taken of him, neither a slot nor what he reserved. */
static void test_pin_of_another(void **state)
{
	const struct hc_user_key mine = {.word = {1}}, his = {.word = {2}};
	struct hc_user user = {.key = his, .tick = 100, .cap = 2};

	(void)state;
	reserve(&user, 100, 100);
	assert_false(user_try_reserve(&user, &mine, user_word(&user), 100, true));
	assert_false(user_try_reserve(&user, &mine, user_word(&user), 100, false));
	assert_false(user_try_charge(&user, &mine, user_word(&user), 100, 100, false));
	assert_counts(&user, 0, 1);
	assert_false(user_try_charge(&user, &mine, user_word(&user), 100, 100, true));
	assert_counts(&user, 0, 1);
	assert_true(user_try_charge(&user, &his, user_word(&user), 100, 100, true));
	assert_true(user_try_reserve(&user, &his, user_word(&user), 100, true));
	assert_counts(&user, 1, 1);
	assert_false(user_try_reserve(&user, &his, user_word(&user), 100, true)); /* the cap */
	assert_false(user_try_charge(&user, &his, user_word(&user) - 1, 100, 100, false));
	assert_counts(&user, 1, 1);
}

/* What another CPU has given back, or has been forgotten, is taken anew only below the cap. */
static void test_renewed_anew(void **state)
{
	struct hc_user user = {.tick = 100, .cap = 2};

	(void)state;
	reserve(&user, 100, 100);
	user_renewed(&user, 100, 102, 101, user.cap, false);
	assert_counts(&user, 0, 1);
	assert_int_equal(user.held[102 % HC_TICKS], 1);
	user_renewed(&user, 100, 102, 101, user.cap, true);
	assert_counts(&user, 0, 2);
	user_renewed(&user, 100, 102, 101, user.cap, true);
	user_renewed(&user, 99, 102, 101, user.cap, false);
	assert_counts(&user, 0, 2);
	user_renewed(&user, 102, 103, 101, user.cap, false); /* at the cap, and has one */
	assert_counts(&user, 0, 2);
	assert_int_equal(user.held[103 % HC_TICKS], 1);
}

/* Of the fleet: no more than its units, nor its cap. */
static void test_units(void **state)
{
	const struct hc_user_key key = {};
	struct hc_user user = {.tick = 100, .cap = 2, .traits = HC_OF_FLEET};

	(void)state;
	assert_false(user_try_reserve(&user, &key, user_word(&user), 100, true));
	assert_int_equal(user_set_units(&user, 1), 0);
	assert_true(user_try_reserve(&user, &key, user_word(&user), 100, true));
	assert_false(user_try_reserve(&user, &key, user_word(&user), 100, true));
	assert_int_equal(user_set_units(&user, 9), 1);
	assert_true(user_try_reserve(&user, &key, user_word(&user), 100, false));
	assert_false(user_try_reserve(&user, &key, user_word(&user), 100, true));
	assert_int_equal(user_set_units(&user, 0), 2);
	assert_counts(&user, 1, 1);
	user.traits = 0;
	assert_int_equal(user_most(&user), 2);
}

/* Two audits have seen the same: one is done, though the number has come back meanwhile. */
static void test_correct(void **state)
{
	struct hc_user user = {.tick = 100};
	__u64 seen;

	(void)state;
	user_take(&user);
	user_take(&user);
	seen = user_word(&user);
	assert_true(user_correct(&user, seen, -1));
	assert_counts(&user, 1, 0);
	user_take(&user);
	assert_false(user_correct(&user, seen, -1));
	assert_counts(&user, 2, 0);
	assert_true(user_correct(&user, user_word(&user), 3));
	assert_counts(&user, 5, 0);
	assert_false(user_word(&user) & HC_USER_MAKING);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_expiry),    cmocka_unit_test(test_expiry_of_each),
		cmocka_unit_test(test_take_over), cmocka_unit_test(test_older),
		cmocka_unit_test(test_renewed),   cmocka_unit_test(test_reclaim),
		cmocka_unit_test(test_any),       cmocka_unit_test(test_renewed_anew),
		cmocka_unit_test(test_correct),   cmocka_unit_test(test_pin_of_another),
		cmocka_unit_test(test_units),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
