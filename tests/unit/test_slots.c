// SPDX-License-Identifier: GPL-2.0-only
/* bpf/slots.h, the slots of a total, as it is: its arithmetic needs no kernel. */
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
#include "../../bpf/slots.h"

/* The two kinds of reservation, which most tests are run on in turn. */
struct subject {
	enum reservation kind;
	__u32 shift, life; /* in ticks */
};
static struct subject held = {HELD, HC_TOTAL_SHIFT, HC_TICKS},
		      unsure = {UNSURE, HC_UNSURE_SHIFT, HC_TICKS};

/* A handshake has 0.94 to 1.07 s, a packet 29 to 34 ms. */
HC_STATIC_ASSERT(7ull << HC_TOTAL_SHIFT > 930000000 && 8ull << HC_TOTAL_SHIFT < 1080000000);
HC_STATIC_ASSERT(7ull << HC_UNSURE_SHIFT > 29000000 && 8ull << HC_UNSURE_SHIFT < 34000000);
HC_STATIC_ASSERT(HC_TICKS == 8);

#define TICK(subject) (1ull << (subject)->shift)
/* A time with some room before it, at the start of a tick of both kinds. */
#define START (1000ull << HC_TOTAL_SHIFT)
/* The ticks' 32 bits run over here. */
#define WRAP(subject) (TICK(subject) << 32)
#define DAY           (24 * 3600 * 1000000000ull)

static struct hc_slots fresh(__u64 now)
{
	return (struct hc_slots){
		.held.tick = now >> HC_TOTAL_SHIFT,
		.unsure.tick = now >> HC_UNSURE_SHIFT,
	};
}

static __u32 in_buckets(const struct hc_slots *slots)
{
	__u32 sum = 0;

	for (int i = 0; i < HC_TICKS; i++)
		sum += slots->held.bucket[i] + slots->unsure.bucket[i];
	return sum;
}

static void assert_at_rest(const struct hc_slots *slots)
{
	assert_int_equal(slots->active | slots->held.sum | slots->unsure.sum, 0);
	assert_int_equal(in_buckets(slots), 0);
	assert_int_equal(slots_taken(slots), 0);
}

static void take_at(struct hc_slots *slots, const struct subject *subject, __u64 now)
{
	total_forget(slots, now);
	total_take(slots, subject->kind, now);
}

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

/* The same as lists: one entry for each slot taken, with the tick it is in. */
#define OPERATIONS 100000
#define SEED       20251121

struct list {
	__u32 tick[1024];
	__u32 count, newest;
};

static __u32 in_tick(const struct list *list, __u32 tick)
{
	__u32 count = 0;

	for (__u32 i = 0; i < list->count; i++)
		count += list->tick[i] == tick;
	return count;
}

static bool list_remove(struct list *list, __u32 tick)
{
	for (__u32 i = 0; i < list->count; i++) {
		if (list->tick[i] != tick)
			continue;
		list->tick[i] = list->tick[--list->count];
		return true;
	}
	return false;
}

static void list_forget(struct list *list, __u32 tick)
{
	if ((__s32)(tick - list->newest) > 0)
		list->newest = tick;
	for (__u32 i = 0; i < list->count;)
		if (list->newest - list->tick[i] >= HC_TICKS)
			list->tick[i] = list->tick[--list->count];
		else
			i++;
}

static void assert_ring(const struct hc_ring *ring, const struct list *list)
{
	assert_int_equal(ring->sum, list->count);
	assert_int_equal((__u32)ring->tick, list->newest);
	for (__u32 age = 0; age < HC_TICKS; age++) {
		__u32 tick = list->newest - age;

		assert_int_equal(ring->bucket[tick % HC_TICKS], in_tick(list, tick));
	}
}

static void assert_same(const struct hc_slots *slots, const struct list lists[2])
{
	assert_ring(&slots->held, &lists[0]);
	assert_ring(&slots->unsure, &lists[1]);
	assert_int_equal(slots_taken(slots), lists[0].count + lists[1].count);
}

static void step(struct hc_slots *slots, struct list lists[2], __u64 now)
{
	const struct subject *subject = rand() % 2 ? &held : &unsure;
	struct list *list = &lists[subject == &unsure];
	__u64 when = now - rand() % (2 * HC_TICKS) * TICK(subject);
	__u32 tick = when >> subject->shift;
	bool had;

	switch (rand() % 4) {
	case 0:
	case 1:
		list->tick[list->count++] = now >> subject->shift;
		total_take(slots, subject->kind, now);
		break;
	case 2:
		had = list->newest - tick < HC_TICKS && list_remove(list, tick);
		assert_int_equal(total_give(slots, subject->kind, when), had);
		break;
	case 3:
		had = false;
		for (__u32 age = 0; age < HC_TICKS && !had; age++)
			had = list_remove(&lists[0], lists[0].newest - age);
		assert_int_equal(ring_drop_newest(&slots->held), had);
	}
}

static void test_against_model(void **state)
{
	const struct subject *subject = *state;
	__u64 now = WRAP(subject) - 1000 * TICK(&held);
	struct hc_slots slots = fresh(now);
	struct list lists[2] = {{.newest = slots.held.tick}, {.newest = slots.unsure.tick}};

	printf("# seed %u\n", SEED);
	srand(SEED);
	for (int i = 0; i < OPERATIONS; i++) {
		int leap = rand() % 100;

		if (leap < 10) /* another CPU's clock */
			now -= rand() % TICK(&unsure);
		else if (leap < 80)
			now += rand() % (TICK(&unsure) * 3 / 2);
		else if (leap < 98)
			now += rand() % (TICK(&held) / 2);
		else
			now += rand() % (3 * HC_TICKS) * TICK(&held);
		total_forget(&slots, now);
		list_forget(&lists[0], now >> HC_TOTAL_SHIFT);
		list_forget(&lists[1], now >> HC_UNSURE_SHIFT);
		assert_same(&slots, lists);
		step(&slots, lists, now);
		assert_same(&slots, lists);
	}
	assert_true(now > WRAP(subject));
	total_forget(&slots, now + (HC_TICKS + 1) * TICK(&held));
	assert_at_rest(&slots);
}

#define OF_BOTH(test)                                                                          \
	{#test ": held", test, NULL, NULL, &held},                                             \
	{                                                                                      \
#test ": unsure", test, NULL, NULL, &unsure                                    \
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
		OF_BOTH(test_against_model),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
