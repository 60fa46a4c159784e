// SPDX-License-Identifier: GPL-2.0-only
/* bpf/slots.h as it is, compiled for this side: its arithmetic needs no kernel. */
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

#define TICK (1ull << HC_TICK_SHIFT)
/* A time with some room before it, at the start of a tick. */
#define START (1000 * TICK)
/* The ticks' 32 bits run over here. */
#define WRAP (TICK << 32)

static struct hc_slots fresh(__u64 now)
{
	return (struct hc_slots){.tick = slots_tick(now)};
}

static __u32 in_buckets(const struct hc_slots *slots)
{
	__u32 sum = 0;

	for (int i = 0; i < HC_TICKS; i++)
		sum += slots->bucket[i];
	return sum;
}

static void assert_at_rest(const struct hc_slots *slots)
{
	assert_int_equal(slots->active, 0);
	assert_int_equal(slots->held, 0);
	assert_int_equal(slots->unsure, 0);
	assert_int_equal(in_buckets(slots), 0);
	assert_int_equal(slots_taken(slots), 0);
}

static void hold_at(struct hc_slots *slots, __u64 now)
{
	slots_forget(slots, now);
	slots_hold(slots, now);
}

static void test_unhold(void **state)
{
	struct hc_slots slots = fresh(START);

	(void)state;
	assert_false(slots_unhold(&slots, START));
	hold_at(&slots, START);
	hold_at(&slots, START + TICK - 1);
	hold_at(&slots, START + TICK);
	slots_forget(&slots, START + 2 * TICK);
	assert_false(slots_unhold(&slots, START + 2 * TICK));
	assert_int_equal(slots.held, 3);
	assert_true(slots_unhold(&slots, START + TICK / 2));
	assert_true(slots_unhold(&slots, START));
	assert_false(slots_unhold(&slots, START));
	assert_int_equal(slots.held, 1);
	assert_true(slots_unhold(&slots, START + TICK));
	assert_at_rest(&slots);
}

/* A bucket's next turn must not answer for a slot of its last one. */
static void test_unhold_expired(void **state)
{
	struct hc_slots slots = fresh(START);
	__u64 later = START + HC_TICKS * TICK;

	(void)state;
	hold_at(&slots, START);
	hold_at(&slots, later);
	assert_int_equal(slots.held, 1);
	assert_false(slots_unhold(&slots, START));
	assert_int_equal(slots.held, 1);
	assert_true(slots_unhold(&slots, later));
	assert_at_rest(&slots);
}

static void test_unhold_newest(void **state)
{
	struct hc_slots slots = fresh(START);

	(void)state;
	assert_false(slots_unhold_newest(&slots));
	hold_at(&slots, START);
	hold_at(&slots, START + 3 * TICK);
	hold_at(&slots, START + 3 * TICK);
	hold_at(&slots, START + 5 * TICK);
	slots_forget(&slots, START + 7 * TICK);
	assert_int_equal(slots.held, 4);
	assert_true(slots_unhold_newest(&slots));
	assert_false(slots_unhold(&slots, START + 5 * TICK));
	assert_true(slots_unhold_newest(&slots));
	assert_true(slots_unhold_newest(&slots));
	assert_false(slots_unhold(&slots, START + 3 * TICK));
	assert_true(slots_unhold_newest(&slots));
	assert_at_rest(&slots);
}

/* To the tick, wherever in its tick a slot was held; also across the wrap. */
static void test_expiry(void **state)
{
	static const __u64 starts[] = {START, START + TICK - 1, WRAP - 3 * TICK, WRAP - 1,
				       WRAP};

	(void)state;
	for (size_t i = 0; i < sizeof(starts) / sizeof(*starts); i++) {
		struct hc_slots slots = fresh(starts[i]);
		__u64 tick = starts[i] / TICK * TICK, end = tick + HC_TICKS * TICK;

		hold_at(&slots, starts[i]);
		assert_false(slots_idle(&slots, end - 1));
		assert_true(slots_idle(&slots, end));
		for (; tick < end; tick += TICK)
			slots_forget(&slots, tick);
		slots_forget(&slots, end - 1);
		assert_int_equal(slots.held, 1);
		slots_forget(&slots, end);
		assert_at_rest(&slots);
	}
}

/* One slot a tick: each goes when its own time has come, and a leap takes all. */
static void test_expiry_of_each(void **state)
{
	struct hc_slots slots = fresh(WRAP - 5 * TICK);
	__u64 now = WRAP - 5 * TICK;

	(void)state;
	for (int i = 0; i < HC_TICKS; i++, now += TICK)
		hold_at(&slots, now);
	assert_int_equal(slots.held, HC_TICKS);
	for (int left = HC_TICKS - 1; left >= 3; left--, now += TICK) {
		slots_forget(&slots, now);
		assert_int_equal(slots.held, left);
		assert_int_equal(in_buckets(&slots), left);
	}
	slots_forget(&slots, now + 1000000 * TICK);
	assert_at_rest(&slots);
	assert_int_equal(slots.tick, slots_tick(now + 1000000 * TICK));
}

/* The clock of another CPU is a little behind: nothing changes, and a slot held
 * by it is given back, or expires, by that clock. */
static void test_clock_backwards(void **state)
{
	__u64 ahead = START + TICK, behind = START + TICK - 1;
	struct hc_slots slots = fresh(START), before;

	(void)state;
	hold_at(&slots, START);
	slots_forget(&slots, ahead);
	slots_take_unsure(&slots, ahead);
	before = slots;
	slots_forget(&slots, behind);
	assert_memory_equal(&slots, &before, sizeof(slots));
	hold_at(&slots, behind);
	assert_false(slots_unhold(&slots, ahead));
	assert_true(slots_unhold(&slots, behind));
	hold_at(&slots, ahead);
	hold_at(&slots, behind);
	slots_forget(&slots, START + HC_TICKS * TICK - 1);
	assert_int_equal(slots.held, 3);
	slots_forget(&slots, START + HC_TICKS * TICK);
	assert_int_equal(slots.held, 1);
	slots_forget(&slots, ahead + HC_TICKS * TICK);
	assert_at_rest(&slots);
}

static void test_unsure(void **state)
{
	struct hc_slots slots = fresh(START);
	__u32 round = slots.unsure_round = 0xffffffff;

	(void)state;
	assert_false(slots_drop_unsure(&slots, round));
	assert_int_equal(slots_take_unsure(&slots, START), round);
	assert_int_equal(slots_take_unsure(&slots, START + 5), round);
	assert_false(slots_drop_unsure(&slots, round + 1));
	assert_false(slots_drop_unsure(&slots, round - 1));
	assert_int_equal(slots.unsure, 2);
	assert_true(slots_drop_unsure(&slots, round));
	slots_forget(&slots, START + HC_UNSURE_NS + 6);
	assert_int_equal(slots.unsure_round, 0);
	assert_false(slots_drop_unsure(&slots, round));
	assert_at_rest(&slots);
}

static void test_unsure_stale(void **state)
{
	struct hc_slots slots = fresh(START);
	__u64 late = START + 1000 + HC_UNSURE_NS;
	__u32 round, next;

	(void)state;
	slots_take_unsure(&slots, START);
	round = slots_take_unsure(&slots, START + 1000);
	slots_forget(&slots, late);
	assert_int_equal(slots.unsure, 2);
	assert_false(slots_idle(&slots, late));
	assert_true(slots_idle(&slots, late + 1));
	slots_forget(&slots, late + 1);
	assert_int_equal(slots.unsure, 0);
	assert_false(slots_drop_unsure(&slots, round));
	next = slots_take_unsure(&slots, late + 1);
	assert_int_not_equal(next, round);
	/* Too late to give back the slot of another. */
	assert_false(slots_drop_unsure(&slots, round));
	assert_int_equal(slots.unsure, 1);
	assert_true(slots_drop_unsure(&slots, next));
	assert_at_rest(&slots);
}

static void test_taken_and_idle(void **state)
{
	struct hc_slots slots = fresh(START);

	(void)state;
	assert_at_rest(&slots);
	assert_true(slots_idle(&slots, START));
	slots.active = 3;
	assert_false(slots_idle(&slots, START + 100 * TICK));
	hold_at(&slots, START);
	slots_take_unsure(&slots, START);
	assert_int_equal(slots_taken(&slots), 5);
	slots.active = 0;
	assert_true(slots_drop_unsure(&slots, slots.unsure_round));
	assert_false(slots_idle(&slots, START));
	assert_true(slots_unhold(&slots, START));
	assert_true(slots_idle(&slots, START));
	assert_at_rest(&slots);
}

/* The same as a list: one entry for each slot held, with the tick it is in. */
#define OPERATIONS 100000
#define SEED       20251121

struct model {
	__u32 tick[64];
	__u32 held, active, unsure, round, newest;
	__u64 unsure_ns;
};

static __u32 in_tick(const struct model *model, __u32 tick)
{
	__u32 count = 0;

	for (__u32 i = 0; i < model->held; i++)
		count += model->tick[i] == tick;
	return count;
}

static bool model_remove(struct model *model, __u32 tick)
{
	for (__u32 i = 0; i < model->held; i++) {
		if (model->tick[i] != tick)
			continue;
		model->tick[i] = model->tick[--model->held];
		return true;
	}
	return false;
}

static bool model_remove_newest(struct model *model)
{
	for (__u32 age = 0; age < HC_TICKS; age++)
		if (model_remove(model, model->newest - age))
			return true;
	return false;
}

static void model_forget(struct model *model, __u64 now)
{
	if (model->unsure && now > model->unsure_ns + HC_UNSURE_NS) {
		model->unsure = 0;
		model->round++;
	}
	if ((__s32)(slots_tick(now) - model->newest) > 0)
		model->newest = slots_tick(now);
	for (__u32 i = 0; i < model->held;)
		if (model->newest - model->tick[i] >= HC_TICKS)
			model->tick[i] = model->tick[--model->held];
		else
			i++;
}

static void assert_same(const struct hc_slots *slots, const struct model *model, __u64 now)
{
	assert_int_equal(slots->active, model->active);
	assert_int_equal(slots->held, model->held);
	assert_int_equal(slots->unsure, model->unsure);
	assert_int_equal(slots->unsure_round, model->round);
	assert_int_equal(slots->tick, model->newest);
	assert_int_equal(in_buckets(slots), slots->held);
	for (__u32 age = 0; age < HC_TICKS; age++) {
		__u32 tick = slots->tick - age;

		assert_int_equal(slots->bucket[tick % HC_TICKS], in_tick(model, tick));
	}
	assert_true((__s32)slots->held >= 0 && (__s32)slots->unsure >= 0);
	assert_int_equal(slots_taken(slots), model->active + model->held + model->unsure);
	assert_int_equal(slots_idle(slots, now), !slots_taken(slots));
}

static void step(struct hc_slots *slots, struct model *model, __u64 now)
{
	__u32 tick = model->newest - rand() % (2 * HC_TICKS), round = model->round - rand() % 2;
	bool had;

	switch (rand() % 8) {
	case 0:
	case 1:
		if (model->held == sizeof(model->tick) / sizeof(*model->tick))
			break;
		model->tick[model->held++] = slots_tick(now);
		slots_hold(slots, now);
		break;
	case 2:
		had = model->newest - tick < HC_TICKS && model_remove(model, tick);
		assert_int_equal(slots_unhold(slots, tick * TICK + rand() % TICK), had);
		break;
	case 3:
		had = model_remove_newest(model);
		assert_int_equal(slots_unhold_newest(slots), had);
		model->active += had;
		slots->active += had;
		break;
	case 4:
	case 5:
		model->unsure++;
		model->unsure_ns = now;
		assert_int_equal(slots_take_unsure(slots, now), model->round);
		break;
	case 6:
		had = round == model->round && model->unsure;
		model->unsure -= had;
		assert_int_equal(slots_drop_unsure(slots, round), had);
		break;
	case 7:
		had = model->active;
		model->active -= had;
		slots->active -= had;
	}
}

static void test_against_model(void **state)
{
	__u64 now = WRAP - 1000 * TICK;
	struct hc_slots slots = fresh(now);
	struct model model = {.newest = slots_tick(now)};

	(void)state;
	printf("# seed %u\n", SEED);
	srand(SEED);
	for (int i = 0; i < OPERATIONS; i++) {
		int leap = rand() % 100;

		if (leap < 10) /* another CPU's clock */
			now -= rand() % (TICK / 100);
		else if (leap < 60)
			now += rand() % (HC_UNSURE_NS / 2);
		else if (leap < 97)
			now += rand() % (TICK / 2);
		else
			now += rand() % (3 * HC_TICKS) * TICK;
		slots_forget(&slots, now);
		model_forget(&model, now);
		assert_same(&slots, &model, now);
		step(&slots, &model, now);
		assert_same(&slots, &model, now);
	}
	assert_true(now > WRAP);
	slots.active = 0;
	slots_forget(&slots, now + (HC_TICKS + 1) * TICK);
	assert_at_rest(&slots);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unhold),         cmocka_unit_test(test_unhold_expired),
		cmocka_unit_test(test_unhold_newest),  cmocka_unit_test(test_expiry),
		cmocka_unit_test(test_expiry_of_each), cmocka_unit_test(test_clock_backwards),
		cmocka_unit_test(test_unsure),         cmocka_unit_test(test_unsure_stale),
		cmocka_unit_test(test_taken_and_idle), cmocka_unit_test(test_against_model),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
