// SPDX-License-Identifier: GPL-2.0-only
/* How many sessions make room, and how often. */
#include "evict_world.h"

static void slots_to_spare(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++)
		add(&alice, 1000 - i);
	hear(&alice, 1);
	hear(&alice, 2);
	world.known.spare_slots = 1; /* a handshake's, which may be forged */
	serve();
	assert_int_equal(world.closings, 0);
	assert_int_equal(evict.looks, 0); /* there is not even a look */
	world.now += SECOND;              /* it has become a session */
	hear(&alice, 1);
	hear(&alice, 2);
	world.known.spare_slots = 0;
	serve();
	EXPECT(101, 102);
	/* A third asked before that: what evictions made is the others'. */
	world.now -= SECOND / 100;
	hear(&alice, 3);
	world.now += SECOND / 100;
	world.known.spare_slots = 2;
	serve();
	EXPECT(101, 102, 103);
	hear(&alice, 4);
	serve();
	assert_int_equal(world.closings, 3);
	assert_int_equal(evict.looks, 2);
}

static void by_rate(void **state)
{
	__u64 until;

	(void)state;
	world.known.rate = 3;
	for (int i = 0; i < 8; i++)
		add(&alice, 1000 - i);
	for (__u16 port = 1; port <= 5; port++)
		hear(&alice, port);
	serve();
	EXPECT(101, 102, 103);
	assert_int_equal(evict.held_off, 2);
	assert_int_equal(world.refusals, 1);
	/* No look while the rate is used up, and refused for as long. */
	hear(&alice, 6);
	serve();
	assert_int_equal(evict.looks, 1);
	assert_int_equal(world.closings, 3);
	until = world.barren_until;
	assert_true(until >= world.now + 60 * SECOND && until <= world.now + 71 * SECOND);
	world.now = until - 1;
	hear(&alice, 7);
	serve();
	assert_int_equal(world.closings, 3);
	world.now = until;
	hear(&alice, 8);
	serve();
	EXPECT(101, 102, 103, 104);
}

/* Whatever the moments, no minute has more. */
static void no_minute_has_more(void **state)
{
	static struct evict_rates rates;
	__u64 times[4096], until, now = 77 * SECOND;
	size_t count = 0;

	(void)state;
	srand(7);
	memset(&rates, 0, sizeof(rates));
	for (int i = 0; i < 20000 && count < 4096; i++) {
		now += rand() % (4 * SECOND);
		if (!evict_rate_left(&rates, &alice, 10, now, &until)) {
			assert_true(until > now);
			continue;
		}
		evict_rate_count(&rates, &alice, now);
		times[count++] = now;
		if (count > 10)
			assert_true(now - times[count - 11] >= 60 * SECOND);
	}
	assert_true(count > 1000);
	assert_int_equal(rates.count, 1);
}

static void many_users(void **state)
{
	static struct evict_rates rates;
	struct hc_user_key user = alice;
	__u64 until;

	(void)state;
	memset(&rates, 0, sizeof(rates));
	for (__u32 i = 0; i < EVICT_RATE_USERS; i++) {
		user.word[1] = i;
		assert_int_equal(evict_rate_left(&rates, &user, 10, SECOND, &until), 10);
		evict_rate_count(&rates, &user, SECOND);
	}
	user.word[1] = EVICT_RATE_USERS;
	assert_int_equal(evict_rate_left(&rates, &user, 10, SECOND, &until), 0);
	assert_true(until > SECOND);
	/* Who has a row goes on, and after a minute all are free again. */
	user.word[1] = 5;
	assert_int_equal(evict_rate_left(&rates, &user, 10, SECOND, &until), 9);
	user.word[1] = EVICT_RATE_USERS;
	assert_int_equal(evict_rate_left(&rates, &user, 10, 71 * SECOND, &until), 10);
	evict_rate_count(&rates, &user, 71 * SECOND);
	assert_int_equal(evict_rate_left(&rates, &user, 10, 71 * SECOND, &until), 9);
	assert_int_equal(rates.count, EVICT_RATE_USERS);
	user.word[1] = 0; /* whose row it may be */
	assert_int_equal(evict_rate_left(&rates, &user, 10, 71 * SECOND, &until), 10);
}

/* The cap was lowered: one less lets nobody in. */
static void beyond(void **state)
{
	(void)state;
	add(&alice, 5000);
	world.known.beyond = true;
	hear(&alice, 1);
	serve();
	assert_int_equal(world.closings, 0);
	assert_int_equal(world.refusals, 1);
	assert_int_equal(evict.looks, 0);
}

static void bounds(void **state)
{
	struct hc_user_key user = alice;
	struct hc_ends ends = {.local_port = 143};

	(void)state;
	for (__u32 i = 0; i < EVICT_NEWCOMERS + 5; i++) {
		ends.remote_port = i;
		assert_true(evict_hear(&pleas, &alice, &ends, world.now));
	}
	assert_int_equal(pleas.cases[0].count, EVICT_NEWCOMERS);
	for (__u32 i = 1; i < EVICT_CASES; i++) {
		user.word[1] = 1000 + i;
		assert_true(evict_hear(&pleas, &user, &ends, world.now));
	}
	user.word[1] = 7;
	assert_false(evict_hear(&pleas, &user, &ends, world.now));
	assert_true(evict_hear(&pleas, &alice, &ends, world.now));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(slots_to_spare, set_up),
		cmocka_unit_test_setup(by_rate, set_up),
		cmocka_unit_test(no_minute_has_more),
		cmocka_unit_test(many_users),
		cmocka_unit_test_setup(beyond, set_up),
		cmocka_unit_test_setup(bounds, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
