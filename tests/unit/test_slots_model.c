// SPDX-License-Identifier: GPL-2.0-only
/* Reservations against a model: lists of the ticks that slots were taken in. */
#include "slots.h"

#define OPERATIONS 100000
#define SEED       20251121

/* One entry for each slot taken, with the tick it is in. */
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

int main(void)
{
	static const struct CMUnitTest tests[] = {
		OF_BOTH(test_against_model),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
