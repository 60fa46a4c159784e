/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Makes room for newcomers, one eviction for each at most. Pure: what it takes of the world it
 * asks for by `struct evict_world`.
 *
 * A newcomer's plea is of a moment. Nothing is evicted for it if the user has a slot to spare
 * since then, but for one that an eviction has made meanwhile: that is another newcomer's, or,
 * if it was this one's, enough.
 *
 * While a user has more sessions than his cap, which was lowered, nothing is evicted: that
 * would let nobody in, and what was there before is not cut unasked.
 *
 * A packet with the ends of a session that was evicted is no newcomer at first: its client is
 * back, and sends what it could not, which the gate does not know from a SYN. It is sent off by
 * a RST, once: who comes from these ends after that knows that his session is over.
 */
#ifndef HEADCOUNT_EVICT_SERVE_H
#define HEADCOUNT_EVICT_SERVE_H

#include "user/evict/judge.h"
#include "user/evict/pleas.h"
#include "user/evict/rate.h"

#define EVICT_PAST    512                   /* evictions that are remembered, */
#define EVICT_PAST_NS (600 * 1000000000ull) /* for so long */
#define EVICT_BARREN_NS                                                                        \
	1500000000ull                  /* beyond a newcomer's first retransmission, after 1 s  \
					*/
#define EVICT_CURRENT_NS 3000000000ull /* an older plea is made again, or nobody waits */

/* What the world says of a user. */
struct evict_user {
	struct evict_terms terms;
	__u32 rate;        /* evict_rate */
	__u32 spare_slots; /* of his cap and the total, that are no session's now */
	bool beyond;       /* there are more sessions than one of those allows */
};

struct evict_world {
	void *context;
	/* False: nothing is evicted for this user. */
	bool (*know)(void *context, const struct hc_user_key *user, struct evict_user *known);
	/* The sockets of the sessions of these users, and perhaps of others; until the next
	 * look. 0 or a negative errno. */
	int (*look)(void *context, const struct evict_pleas *pleas,
		    const struct hc_socket **sockets, size_t *count);
	/* Closes a session: 1, 0 if it has ended by itself, or a negative errno: it has not. */
	int (*close)(void *context, const struct evict_choice *choice,
		     const struct evict_newcomer *newcomer);
	/* The user's newcomers are to be refused until then. */
	void (*refuse)(void *context, const struct hc_user_key *user, __u64 until_ns);
	/* Of these ends the next packet is to be answered by a RST. */
	void (*send_off)(void *context, const struct hc_user_key *user,
			 const struct hc_ends *ends);
	__u64 (*now_ns)(void *context); /* CLOCK_MONOTONIC */
};

/* An eviction that was. */
struct evict_past {
	struct hc_user_key user;
	struct hc_ends evicted, newcomer;
	__u64 time_ns;
};

/* What is remembered, and counted. All zero at first. */
struct evict {
	struct evict_rates rates;
	struct evict_past past[EVICT_PAST];
	__u64 count;    /* evictions; the last is past[(count - 1) % EVICT_PAST] */
	__u64 looks;    /* how often the sockets were walked */
	__u64 in_vain;  /* newcomers for whom nothing was stale, */
	__u64 held_off; /* or whom the rate did not let have it */
};

/* Looks after all that were heard, and forgets them. With at most one look. */
void evict_serve(struct evict *evict, struct evict_pleas *pleas,
		 const struct evict_world *world);

#endif
