/* SPDX-License-Identifier: GPL-2.0-only */
/* What the fleet calls a user: the same on all hosts, whatever numbers their kernel parts have
 * given to services, and with whatever keys they hash labels. */
#ifndef HEADCOUNT_FLEET_KEY_H
#define HEADCOUNT_FLEET_KEY_H

#include "policy.h"
#include "user/fleet/table.h"

/* The first bytes of SHA-256 over the service's name and the user: `label` is that of a user by
 * label, and not looked at else. */
void fleet_key_of(const char *service, const struct hc_user_key *user,
		  const struct hc_label *label, struct fleet_key *key);

/* Which of so many shards has it. */
__u32 fleet_key_shard(const struct fleet_key *key, __u32 shards);

#endif
