/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who asks for room: the newcomers whom the kernel part found over their cap, by their user,
 * gathered until they are looked after together. Retransmissions of one attempt are one
 * newcomer. What there is no room for is not taken: its own retransmission asks again.
 */
#ifndef HEADCOUNT_EVICT_PLEAS_H
#define HEADCOUNT_EVICT_PLEAS_H

#include <stdbool.h>
#include <stddef.h>

#include "record.h"

#define EVICT_CASES     64 /* users at once */
#define EVICT_NEWCOMERS 32 /* of one of them */

struct evict_newcomer {
	struct hc_ends ends;
	__u64 time_ns; /* when it found no slot; of several times the last */
};

/* A user who asks. */
struct evict_case {
	struct hc_user_key user;
	struct evict_newcomer newcomers[EVICT_NEWCOMERS];
	size_t count;
	__u32 left;     /* so many may be evicted, */
	__u64 until_ns; /* and if none, when again */
};

/* All zero: nobody asks. */
struct evict_pleas {
	struct evict_case cases[EVICT_CASES];
	size_t count;
};

/* False: there is no room for another user. */
bool evict_hear(struct evict_pleas *pleas, const struct hc_user_key *user,
		const struct hc_ends *ends, __u64 time_ns);

/* The case of a user, or NULL. */
struct evict_case *evict_case_of(struct evict_pleas *pleas, const struct hc_user_key *user);

#endif
