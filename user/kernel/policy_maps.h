/* SPDX-License-Identifier: GPL-2.0-only */
/* The policy maps: reading what is in force, and the ways to write. */
#ifndef HEADCOUNT_POLICY_USER_H
#define HEADCOUNT_POLICY_USER_H

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

/* The same, in memory that is the caller's to free(); NULL after an error. */
int policy_read_new(const struct headcount_bpf *object, struct policy **policy);

/* Which service each port of a half has, as the map says it (HC_PORTS). Returns 0 or a negative
 * errno, and prints nothing. */
int policy_read_ports(const struct headcount_bpf *object, __u32 half, __u16 ports[HC_PORTS]);

/* Id of a service in force by name, or -1. */
int policy_find(const struct policy *policy, const char *name);

/*
 * Held while the policy is read, changed and written: `cap` and a reload may come
 * at the same time. It is a lock on the folder of the pins; while there is none
 * (-1), nobody else has these maps. An open file, to be closed.
 */
int policy_lock(void);

/* Writes an entry of a policy map; prints the error. */
int policy_put(const struct bpf_map *map, const void *key, const void *value);

#endif
