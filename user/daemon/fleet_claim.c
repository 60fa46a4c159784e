// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "user/daemon/fleet_claim.h"
#include "user/kernel/state.h"

/* How often it is looked once more, as sessions begin meanwhile. */
#define TRIES 3

static bool is_there(const struct shard *shard, const struct hc_user_key *user,
		     const struct hc_user_key *of, __u64 id)
{
	struct hc_session session;

	return id && !memcmp(user, of, sizeof(*user)) &&
	       state_read_session(shard->common->object, id, &session);
}

/* Sessions that are on the list, or in the first of what is gathered for it. */
static __u32 count_late(const struct shard *shard, const struct hc_user_key *user,
			__u32 gathered)
{
	__u32 count = 0;

	for (__u32 i = 0; i < shard->late_count; i++) {
		const struct shard_late *late = shard_late_at(shard, i);

		count += is_there(shard, user, &late->user, late->id);
	}
	for (__u32 i = 0; i < gathered; i++) {
		const struct hc_ask *ask = fleet_words_gathered(shard->common->words, i);

		count += is_there(shard, user, &ask->user, ask->id);
	}
	return count;
}

/* First what was asked for, then how many are there, then which of those that were asked for
 * still are: so that none is left out which is not counted. A session that begins in between
 * would be claimed: then once more. */
__u32 fleet_claim(const struct shard *shard, __u32 index, __u32 taken)
{
	const struct shard_common *common = shard->common;
	const struct hc_user_key *user = &shard->users[index];
	const __u32 units = shard->host.table.users[index].units;
	__u32 before, after = fleet_words_gather(common->words), late, there;
	struct hc_user record;

	for (int try = 0; try < TRIES; try++) {
		before = after;
		if (!state_read_user(common->object, &common->policy->control, user, &record))
			return taken;
		late = count_late(shard, user, before);
		there = hc_user_active(&record) > late ? hc_user_active(&record) - late : 0;
		after = fleet_words_gather(common->words);
		if (there <= units || after == before)
			break;
	}
	return there > units ? there : units;
}
