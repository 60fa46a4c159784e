/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One shard of the fleet as this host has it: the protocol's host, the store, and which user of
 * the kernel part each of its users is. Of the fleet's thread alone.
 */
#ifndef HEADCOUNT_FLEET_PART_H
#define HEADCOUNT_FLEET_PART_H

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

#endif
