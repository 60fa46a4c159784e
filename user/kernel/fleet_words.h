/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel part's words of the fleet (include/fleet.h): leases, units, who is short, and who
 * asks. For one thread: it has an object of its own, as an errand is of one thread.
 */
#ifndef HEADCOUNT_FLEET_WORDS_H
#define HEADCOUNT_FLEET_WORDS_H

#include "fleet.h"

struct headcount_bpf;
struct fleet_words;

/* An attempt that finds no unit, or a session that was admitted without one; see struct hc_ask.
 * `ask` is valid for the call. */
typedef void fleet_words_ask(void *context, const struct hc_ask *ask);

/* On the maps of `shared`, which outlives it. Changes nothing: what a daemon before has left is
 * there still. Before a lease is made live, each user with units in its record has to be set.
 * 0, or a negative errno after the printed error. */
int fleet_words_open(struct fleet_words **words, const struct headcount_bpf *shared,
		     fleet_words_ask *ask, void *context);

/* NULL is fine. The words stay as they are: deadlines pass by themselves. */
void fleet_words_close(struct fleet_words *words);

/*
 * The user has `units` of this shard (from 0) from now on, and `*taken` slots, sessions and
 * reservations, when none can begin under the older number any more: sessions never exceed the
 * greater of both then, but by those that are admitted without units. 0; -ENOSPC: the user
 * table has no room for the user, who is not counted; another negative errno after the error,
 * of which the first one is printed: the older number may hold, so that the lease is to be
 * given up.
 */
int fleet_words_set_units(struct fleet_words *words, const struct hc_user_key *user,
			  __u32 shard, __u32 units, __u32 *taken);

/* The slots that the user has taken: 0 where it has no record. 0, or a negative errno as
 * above: nothing is known of it, and it may have all that it ever had. */
int fleet_words_sessions(struct fleet_words *words, const struct hc_user_key *user,
			 __u32 *taken);

/* The lease of this shard is live until then: ns of CLOCK_BOOTTIME, 0: no longer. */
void fleet_words_set_deadline(struct fleet_words *words, __u32 shard, __u64 deadline);

/* As it was set last, perhaps by a daemon before; 0: the kernel part has had no lease. */
__u64 fleet_words_deadline(const struct fleet_words *words, __u32 shard);

/* How many hosts there are, for when this one is alone. */
void fleet_words_set_members(struct fleet_words *words, __u32 members);

/* So many shards there are, and of none it is known that its store answers. */
void fleet_words_set_shards(struct fleet_words *words, __u32 shards);

/* The store of this shard answers and grants until then, ns of CLOCK_BOOTTIME; 0: no longer.
 * After that nobody is let in there without a unit. */
void fleet_words_set_answers(struct fleet_words *words, __u32 shard, __u64 until);

/* The store has no unit for the user: attempts without one are over the cap until then, ns of
 * CLOCK_MONOTONIC; 0: it may be asked again. */
void fleet_words_set_short(struct fleet_words *words, const struct hc_user_key *user,
			   __u64 until_ns);

/* The most slots that a user may take now, whose record this is; its service is of the policy
 * in force. Of any object, by any thread. */
__u32 fleet_words_limit(const struct headcount_bpf *object, const struct hc_service *service,
			const struct hc_user *user);

/* Readable when somebody asks; epoll. */
int fleet_words_fd(const struct fleet_words *words);

/* Hands on what is in the ring; of a flood a part, and the rest is readable still. */
void fleet_words_hear(struct fleet_words *words);

/* Takes out of the ring what is there now, for the next fleet_words_hear(): how many wait for
 * it. And one of those. */
__u32 fleet_words_gather(struct fleet_words *words);
const struct hc_ask *fleet_words_gathered(const struct fleet_words *words, __u32 i);

#endif
