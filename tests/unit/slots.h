/* SPDX-License-Identifier: GPL-2.0-only */
/* For the tests of bpf/slots.h, compiled for this side: its arithmetic needs no kernel. */
#ifndef HEADCOUNT_TEST_SLOTS_H
#define HEADCOUNT_TEST_SLOTS_H

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

static inline struct hc_slots fresh(__u64 now)
{
	return (struct hc_slots){
		.held.tick = now >> HC_TOTAL_SHIFT,
		.unsure.tick = now >> HC_UNSURE_SHIFT,
	};
}

static inline __u32 in_buckets(const struct hc_slots *slots)
{
	__u32 sum = 0;

	for (int i = 0; i < HC_TICKS; i++)
		sum += slots->held.bucket[i] + slots->unsure.bucket[i];
	return sum;
}

static inline void assert_at_rest(const struct hc_slots *slots)
{
	assert_int_equal(slots->active | slots->held.sum | slots->unsure.sum, 0);
	assert_int_equal(in_buckets(slots), 0);
	assert_int_equal(slots_taken(slots), 0);
}

static inline void take_at(struct hc_slots *slots, const struct subject *subject, __u64 now)
{
	total_forget(slots, now);
	total_take(slots, subject->kind, now);
}

#define OF_BOTH(test)                                                                          \
	{#test ": held", test, NULL, NULL, &held},                                             \
	{                                                                                      \
#test ": unsure", test, NULL, NULL, &unsure                                    \
	}

#endif
