/* SPDX-License-Identifier: GPL-2.0-only */
/* A user's cap: by the policy in force, and the caps of the moment above that. */
#ifndef HEADCOUNT_POLICY_CAPS_H
#define HEADCOUNT_POLICY_CAPS_H

#include "user/kernel/policy_maps.h"

/* The cap of a user by the policy in force, as the kernel's side resolves it. */
__u32 policy_cap(const struct headcount_bpf *object, const struct policy *policy,
		 const struct hc_user_key *key);

/* What an override says of a user, if those of its service say more than a cap; else all zero
 * and -ENOENT, or -EAGAIN if the user's label is not known. */
int policy_special(const struct headcount_bpf *object, const struct policy *policy,
		   const struct hc_user_key *key, struct hc_override *found);

/* Seconds without payload after which a session of the user is closed; 0: never, and while it
 * is not known what an override says of him. */
__u32 policy_idle(const struct headcount_bpf *object, const struct policy *policy,
		  const struct hc_user_key *key);

/* Sets (or with `remove` takes back) a user's cap of the moment. */
int policy_set_cap(const struct headcount_bpf *object, const struct hc_user_key *key, __u32 cap,
		   bool remove);

/* The login uid, which sudo does not change, or without one the real uid. */
__u32 policy_asker(void);

/* From now on this process does what somebody of another host asks: a uid of there, and the
 * number of the host (user/fleet/askers.h), which policy_asker_host() returns: 0, if nobody is.
 */
void policy_act_for(__u32 uid, __u16 host);
__u16 policy_asker_host(void);

/* A cap of the moment and whose it is. */
struct policy_moment {
	struct hc_user_key key;
	struct hc_cap cap;
};

/* All of them, by service and then the earliest first. `*moments` is the caller's to free. */
int policy_read_caps(const struct headcount_bpf *object, struct policy_moment **moments,
		     size_t *count);

/* For policy_apply(), with the lock held. A service with a cap of the moment is limited,
 * whatever the file says: of a half that is written. And caps of the moment go with their
 * service: they stay of the `count` services of `ids`. */
void policy_limit_by_caps(const struct headcount_bpf *object, __u32 half);
void policy_drop_caps(const struct headcount_bpf *object, const int *ids, size_t count);

/* Reports caps of the moment that differ from the configuration in force: whoever changed
 * the file may have forgotten them. */
void policy_tell_caps(const struct headcount_bpf *object, const struct policy *policy);

#endif
