/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What happened in each service in the last hour, in pieces of half a minute: the curves of the
 * page. Made of counters that only grow, which are noted again and again, whether or not
 * anybody looks. In memory only: a new process begins with nothing. Pure.
 */
#ifndef HEADCOUNT_WEB_HISTORY_H
#define HEADCOUNT_WEB_HISTORY_H

#include "user/kernel/policy_maps.h"
#include "counters.h"

#define HISTORY_PIECES   120
#define HISTORY_PIECE_NS 30000000000ull

/* Another curve is a word here, and its sum in history.c. */
enum history_curve {
	HISTORY_REFUSED, /* by the users' caps or the total */
	HISTORY_ENDED,   /* closed by headcount or an administrator: */
	HISTORY_EVICTED, /* of those, to make room */
	HISTORY_CURVES,
};

struct history_row {
	char name[HC_NAME_MAX];      /* of the service that it is of, "": none */
	__u64 last[HISTORY_CURVES];  /* the counters as they were noted last */
	__u64 total[HISTORY_CURVES]; /* of what is in the ring */
	__u32 piece[HISTORY_CURVES][HISTORY_PIECES];
};

/* All zero at first. Piece n of time is place n % HISTORY_PIECES. */
struct history {
	__u64 newest; /* piece of CLOCK_MONOTONIC that was noted last */
	__u64 began_ns;
	struct history_row rows[HC_SERVICES_MAX];
};

__u64 history_count(const struct hc_counters *counters, enum history_curve curve);

/* Notes what has happened since the last time. A service that is new, or whose counters fell,
 * begins with nothing. */
void history_note(struct history *history, const struct policy *policy,
		  const struct hc_counters counters[HC_SERVICES_MAX], __u64 now_ns);

/* A piece by its age, 0 is the newest, which is not over yet. */
static inline __u32 history_piece(const struct history *history, const struct history_row *row,
				  enum history_curve curve, unsigned int age)
{
	return row->piece[curve][(history->newest + HISTORY_PIECES - age) % HISTORY_PIECES];
}

#endif
