/* SPDX-License-Identifier: GPL-2.0-only */
/* What is done with one shard of the fleet, by the fleet's thread alone. */
#ifndef HEADCOUNT_FLEET_SHARD_H
#define HEADCOUNT_FLEET_SHARD_H

#include "user/daemon/fleet_part.h"

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
