/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How many sessions of a user were evicted lately. In no minute are there more than evict_rate:
 * they are counted in tenths of a minute and a bit, and one counts until the whole minute after
 * its part is over.
 *
 * Only who lost a session has a row, and rows that say nothing any more are used again. If all
 * of them are in use, nobody else's session is evicted: no flood of users makes it grow.
 */
#ifndef HEADCOUNT_EVICT_RATE_H
#define HEADCOUNT_EVICT_RATE_H

#include "policy.h"

#define EVICT_RATE_USERS 4096
#define EVICT_RATE_PARTS 7
#define EVICT_RATE_NS    10000000000ull /* a part: six are a minute, and one is not over yet */

struct evict_rate_row {
	struct hc_user_key user;
	__u64 part; /* the newest: CLOCK_MONOTONIC / EVICT_RATE_NS */
	__u32 counts[EVICT_RATE_PARTS];
	__u32 spare;
};

/* All zero: nobody lost any. */
struct evict_rates {
	struct evict_rate_row rows[EVICT_RATE_USERS];
	__u32 count;
};

/* How many more of the user may be evicted at `now_ns`, of `rate` a minute. If none,
 * `*until_ns` says when that may be otherwise. */
__u32 evict_rate_left(struct evict_rates *rates, const struct hc_user_key *user, __u32 rate,
		      __u64 now_ns, __u64 *until_ns);

/* One was. evict_rate_left() said that it may be. */
void evict_rate_count(struct evict_rates *rates, const struct hc_user_key *user, __u64 now_ns);

#endif
