// SPDX-License-Identifier: GPL-2.0-only
/* bpf/slots.h, the slots of a total: given back, expired, told apart. */
#include "slots.h"

static void test_give_back(void **state)
{
	const struct subject *subject = *state;
	struct hc_slots slots = fresh(START);
	const __u64 tick = TICK(subject);

	assert_false(total_give(&slots, subject->kind, START));
	take_at(&slots, subject, START);
	take_at(&slots, subject, START + tick - 1);
	take_at(&slots, subject, START + tick);
	total_forget(&slots, START + 2 * tick);
	assert_false(total_give(&slots, subject->kind, START + 2 * tick));
	assert_int_equal(slots_taken(&slots), 3);
	assert_true(total_give(&slots, subject->kind, START + tick / 2));
	assert_true(total_give(&slots, subject->kind, START));
	assert_false(total_give(&slots, subject->kind, START));
	assert_int_equal(slots_taken(&slots), 1);
	assert_true(total_give(&slots, subject->kind, START + tick));
	assert_at_rest(&slots);
}

/* A bucket's next turn must not answer for a slot of its last one. */
static void test_give_back_expired(void **state)
{
	const struct subject *subject = *state;
	struct hc_slots slots = fresh(START);
	__u64 later = START + subject->life * TICK(subject);

	take_at(&slots, subject, START);
	take_at(&slots, subject, later);
	assert_int_equal(slots_taken(&slots), 1);
	assert_false(total_give(&slots, subject->kind, START));
	assert_int_equal(slots_taken(&slots), 1);
	assert_true(total_give(&slots, subject->kind, later));
	assert_at_rest(&slots);
}

static void test_give_back_newest(void **state)
{
	static const int taken[] = {0, 1, 1, 3};
	struct hc_slots slots = fresh(START);

	(void)state;
	assert_false(ring_drop_newest(&slots.held));
	for (int i = 0; i < 4; i++)
		take_at(&slots, &held, START + taken[i] * TICK(&held));
	total_forget(&slots, START + 3 * TICK(&held));
	for (int left = 3; left >= 0; left--) {
		assert_true(ring_drop_newest(&slots.held));
		assert_int_equal(slots.held.sum, left);
		/* It was the newest that went. */
		assert_int_equal(slots.held.bucket[(slots.held.tick) % HC_TICKS], 0);
		assert_int_equal(slots.held.bucket[(slots.held.tick - 2) % HC_TICKS],
				 left > 1 ? left - 1 : 0);
	}
	assert_at_rest(&slots);
}

/* To the tick, wherever in its tick a slot was taken; also across the wrap. */
static void test_expiry(void **state)
{
	const struct subject *subject = *state;
	const __u64 wrap = WRAP(subject), one = TICK(subject);
	const __u64 starts[] = {START, START + one - 1, wrap - 3 * one, wrap - 1, wrap};

	for (size_t i = 0; i < sizeof(starts) / sizeof(*starts); i++) {
		struct hc_slots slots = fresh(starts[i]);
		__u64 tick = starts[i] / one * one, end = tick + subject->life * one;

		take_at(&slots, subject, starts[i]);
		for (; tick < end; tick += one)
			total_forget(&slots, tick);
		total_forget(&slots, end - 1);
		assert_int_equal(slots_taken(&slots), 1);
		total_forget(&slots, end);
		assert_at_rest(&slots);
	}
}

/* One slot a tick: each goes when its own time has come, and a leap takes all. */
static void test_expiry_of_each(void **state)
{
	const struct subject *subject = *state;
	const __u64 tick = TICK(subject);
	__u64 now = WRAP(subject) - 5 * tick;
	struct hc_slots slots = fresh(now);

	for (int i = 0; i < (int)subject->life; i++, now += tick)
		take_at(&slots, subject, now);
	assert_int_equal(slots_taken(&slots), subject->life);
	for (int left = subject->life - 1; left >= 3; left--, now += tick) {
		total_forget(&slots, now);
		assert_int_equal(slots_taken(&slots), left);
		assert_int_equal(in_buckets(&slots), left);
	}
	total_forget(&slots, now + 1000000 * tick);
	assert_at_rest(&slots);
}

/* What an idle CPU left goes in its time, however many others keep coming. */
static void test_stale_among_new(void **state)
{
	const struct subject *subject = *state;
	const __u64 step = TICK(subject) / 7, end = START + subject->life * TICK(subject);
	struct hc_slots slots = fresh(START);
	__u64 now = START + TICK(subject) / 2;

	take_at(&slots, subject, now);
	while ((now += step) < 3 * end - 2 * START) {
		take_at(&slots, subject, now);
		assert_int_equal(slots_taken(&slots), now < end ? 2 : 1);
		assert_true(total_give(&slots, subject->kind, now));
	}
	assert_at_rest(&slots);
}

/* The clock of another CPU is a little behind: nothing changes, and a slot taken
 * by it is given back, or expires, by that clock. */
static void test_clock_backwards(void **state)
{
	const struct subject *subject = *state;
	__u64 ahead = START + TICK(subject), behind = ahead - 1;
	struct hc_slots slots = fresh(START), before;

	take_at(&slots, subject, START);
	total_forget(&slots, ahead);
	before = slots;
	total_forget(&slots, behind);
	assert_memory_equal(&slots, &before, sizeof(slots));
	take_at(&slots, subject, behind);
	assert_false(total_give(&slots, subject->kind, ahead));
	assert_true(total_give(&slots, subject->kind, behind));
	take_at(&slots, subject, ahead);
	take_at(&slots, subject, behind);
	total_forget(&slots, START + subject->life * TICK(subject) - 1);
	assert_int_equal(slots_taken(&slots), 3);
	total_forget(&slots, START + subject->life * TICK(subject));
	assert_int_equal(slots_taken(&slots), 1);
	total_forget(&slots, ahead + subject->life * TICK(subject));
	assert_at_rest(&slots);
}

/* Slots that were never used, or not for long, work whatever the clock says. */
static void test_any_time(void **state)
{
	const struct subject *subject = *state;

	for (__u64 now = DAY / 4; now < 60 * DAY; now += DAY / 8) {
		struct hc_slots slots = {};

		if (now / (DAY / 8) % 2)
			take_at(&slots, subject, START);
		take_at(&slots, subject, now);
		take_at(&slots, subject, now);
		assert_int_equal(slots_taken(&slots), 2);
		assert_true(total_give(&slots, subject->kind, now));
		assert_int_equal(slots_taken(&slots), 1);
		total_forget(&slots, now + subject->life * TICK(subject));
		assert_at_rest(&slots);
	}
}

static void test_taken(void **state)
{
	struct hc_slots slots = fresh(START);

	(void)state;
	assert_at_rest(&slots);
	slots.active = 3;
	take_at(&slots, &held, START);
	take_at(&slots, &unsure, START);
	assert_int_equal(slots_taken(&slots), 5);
	slots.active = 0;
	assert_true(total_give(&slots, UNSURE, START));
	assert_false(total_give(&slots, UNSURE, START));
	assert_true(total_give(&slots, HELD, START));
	take_at(&slots, &unsure, START);
	assert_false(total_give(&slots, HELD, START));
	assert_false(total_give(&slots, HELD, 0)); /* the newest */
	assert_true(total_give(&slots, UNSURE, START));
	total_take(&slots, NOTHING, START);
	assert_true(total_give(&slots, NOTHING, START));
	assert_at_rest(&slots);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		OF_BOTH(test_give_back),
		OF_BOTH(test_give_back_expired),
		cmocka_unit_test(test_give_back_newest),
		OF_BOTH(test_expiry),
		OF_BOTH(test_expiry_of_each),
		OF_BOTH(test_stale_among_new),
		OF_BOTH(test_clock_backwards),
		OF_BOTH(test_any_time),
		cmocka_unit_test(test_taken),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
