/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The policy maps: writing a configuration into them, all or nothing, and
 * reading what is in force.
 */
#ifndef HEADCOUNT_POLICY_USER_H
#define HEADCOUNT_POLICY_USER_H

#include "user/base/netns.h"
#include "user/config/config.h"
#include "user/kernel/load.h"

/* The policy in force, copied out of the maps. A service that is not `used` any more
 * has its name still, until the id is used again. */
struct policy {
	struct hc_control control;
	struct hc_service services[HC_SERVICES_MAX];
};

/* The half in force. */
static inline __u32 policy_half(const struct policy *policy)
{
	return policy->control.generation & 1;
}

int policy_read(const struct headcount_bpf *object, struct policy *policy);

/* Id of a service in force by name, or -1. */
int policy_find(const struct policy *policy, const char *name);

/*
 * Writes `config` into the half that is not in force, with services keeping the
 * ids that their names have, and switches over in one step. On an error the old
 * policy goes on untouched. Prints the error, returns a negative errno.
 */
int policy_apply(const struct headcount_bpf *object, const struct config *config,
		 const struct netns_list *enforced);

/*
 * Held while the policy is read, changed and written: `cap` and a reload may come
 * at the same time. It is a lock on the folder of the pins; while there is none
 * (-1), nobody else has these maps. An open file, to be closed.
 */
int policy_lock(void);

/* Writes an entry of a policy map; prints the error. */
int policy_put(const struct bpf_map *map, const void *key, const void *value);

#endif
