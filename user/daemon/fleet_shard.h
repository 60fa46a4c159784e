/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One shard of the fleet as this host has it: the protocol's host, the store, and which user of
 * the kernel part each of its users is. Of the fleet's thread alone.
 */
#ifndef HEADCOUNT_FLEET_SHARD_H
#define HEADCOUNT_FLEET_SHARD_H

#include "user/daemon/fleet_crowd.h"
#include "user/fleet/store.h"
#include "user/kernel/fleet_words.h"
#include "user/kernel/policy_maps.h"
#include "user/sessions/closer.h"

#define SHARD_LATE_MAX 4096 /* a power of two */

/* A session that was admitted without a unit. */
struct shard_late {
	struct fleet_key key;
	struct hc_user_key user;
	struct hc_ends ends;
	__u64 id;
	__u64 time_ns; /* CLOCK_BOOTTIME */
};

/* What shards have in common. */
struct shard_common {
	const struct headcount_bpf *object;
	struct fleet_words *words;
	struct closer *closer;
	struct policy *policy; /* as it was read last */
	__u64 closed;          /* sessions without a unit, */
	__u64 closed_alone;    /* and by alone = close */
	bool complained;       /* once: there may be many that cannot be closed */
};

struct shard {
	struct shard_common *common;
	struct fleet_host host;
	struct store *store;
	__u32 number;
	struct hc_user_key *users;  /* by the index in the host's table */
	struct fleet_crowd *crowds; /* the same */
	bool faulty;                /* the kernel part does not do as it is told */
	bool had_lease;             /* ever, or the daemon whose pins were adopted */
	struct shard_late *late;    /* a ring */
	__u32 late_first, late_count;

	/* For who tells of it. */
	bool told, alone;     /* whether it is alone has been told; it is */
	__u64 alone_since_ns; /* CLOCK_BOOTTIME */
	__u64 last_deadline;  /* of the lease that was live last, or when the daemon began */
	char epoch[FLEET_EPOCH_MAX]; /* that was told of */
	bool ready;
};

static inline struct shard_late *shard_late_at(const struct shard *shard, __u32 i)
{
	return &shard->late[(shard->late_first + i) % SHARD_LATE_MAX];
}

/* Returns 0 or a negative errno after the printed error; shard_close() in any case. */
int shard_open(struct shard *shard, struct shard_common *common, __u32 number,
	       const struct config *config);
void shard_close(struct shard *shard);

/* The service's caps are the fleet's, by the policy that was read last. */
bool shard_serves(const struct shard_common *common, const struct hc_user_key *user);

/* A user that has sessions or units as the daemon begins. */
void shard_add(struct shard *shard, const struct fleet_key *key, const struct hc_user_key *user,
	       __u32 cap);

/* Its sessions are to be known to the store, and with `need` more than those. */
void shard_want(struct shard *shard, const struct fleet_key *key,
		const struct hc_user_key *user, __u32 cap, __u32 need, __u64 now);

/* After it, as the kernel part asks for one that begins: the attempt may be one of many that
 * wait. */
void shard_ask_of_crowd(struct shard *shard, const struct fleet_key *key,
			const struct hc_ask *ask, __u64 now);

/* By another policy: what users hold who are not the fleet's any more goes back. */
void shard_drop(struct shard *shard);

/* What users hold goes back as soon as it is idle. */
void shard_return(struct shard *shard);

/* After shard_want(): a session of that user was admitted without a unit, and is closed if the
 * store has none. */
void shard_watch(struct shard *shard, const struct shard_late *late);

/* Until when the store is known to answer and to grant, by what it has answered last; 0: it
 * does not. Then who is let in without a unit would stay. */
__u64 shard_answers(const struct shard *shard, __u64 now);

/* Once a second: asks again for those of whom the store has not said a word. */
void shard_insist(struct shard *shard, __u64 now);

#endif
