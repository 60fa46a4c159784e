/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What has happened in a service since headcount began to count: the value of the
 * per-CPU map `totals`, by service id. What is there now is not the difference of
 * these, but in the user table: a reload moves sessions from service to service,
 * and one that was opened in the first is closed in the second.
 *
 *   opened    sessions, with those that were found at the start: as many as there
 *             are events "opened", wanted or not
 *   closed    sessions, by enum hc_end: each one that was opened, once
 *   refused   attempts, reported or not, and under observe what would have been
 *             refused: what the users' `refused` add up to
 *   lasted    those of `closed` whose beginning and end were both seen, by how long
 *             they took: those found at the start and those that `audit --repair`
 *             ended are not in it
 */
#ifndef HEADCOUNT_COUNTERS_H
#define HEADCOUNT_COUNTERS_H

#include "record.h"

/* The most that a session of each bucket lasts, in ns. One more has no bound. */
#define HC_LASTED_BOUNDS(X)                                                                    \
	X(1ms, 1000000ull)                                                                     \
	X(10ms, 10000000ull)                                                                   \
	X(100ms, 100000000ull)                                                                 \
	X(1s, 1000000000ull)                                                                   \
	X(10s, 10000000000ull)                                                                 \
	X(1min, 60000000000ull)                                                                \
	X(10min, 600000000000ull)                                                              \
	X(1h, 3600000000000ull)                                                                \
	X(6h, 21600000000000ull)                                                               \
	X(1day, 86400000000000ull)

enum hc_lasted {
#define X(name, ns) HC_LASTED_##name,
	HC_LASTED_BOUNDS(X)
#undef X
		HC_LASTED_LONGER,
	HC_LASTED_COUNT,
};

/* What an attempt was refused by. */
enum hc_scope {
	HC_SCOPE_USER = 0,
	HC_SCOPE_TOTAL = 1,
	HC_SCOPE_COUNT,
};

struct hc_counters {
	__u64 opened;
	__u64 refused[HC_SCOPE_COUNT][HC_EXCESS_COUNT]; /* by what they got */
	__u64 lasted_ns;                                /* of all in `lasted` together */
	__u64 lasted[HC_LASTED_COUNT];
	__u64 closed[HC_END_COUNT];
};

HC_STATIC_ASSERT(HC_LASTED_COUNT == 11);
HC_STATIC_ASSERT(sizeof(struct hc_counters) ==
		 (2 + HC_SCOPE_COUNT * HC_EXCESS_COUNT + HC_LASTED_COUNT + HC_END_COUNT) * 8);

#endif
