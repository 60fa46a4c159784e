/* SPDX-License-Identifier: GPL-2.0-only */
/* Labels that were not taken, as the server that gave them is none of its service's labellers:
 * so that administrators see why those of theirs fail. */
#ifndef HEADCOUNT_STRANGERS_H
#define HEADCOUNT_STRANGERS_H

#include "user/kernel/policy_maps.h"

/* By service id; `count` is 0 where there were none. Prints the error. */
int strangers_read(const struct headcount_bpf *object,
		   struct hc_stranger strangers[HC_SERVICES_MAX]);

/* What `run` has told of. */
struct strangers {
	__u64 count;                 /* of all services, when we looked last */
	__u64 seen[HC_SERVICES_MAX]; /* of each, which need not be told any more */
	bool told[HC_SERVICES_MAX];  /* since the policy is in force */
};

/* Another policy is in force: from now on each service is told of once more. */
void strangers_set(struct strangers *strangers, const struct headcount_bpf *object);

/* Says of each service, once, that a label of its was not taken. */
void strangers_tell(struct strangers *strangers, const struct headcount_bpf *object);

#endif
