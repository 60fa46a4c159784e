/* SPDX-License-Identifier: GPL-2.0-only */
/* A user's sessions by client, by process or by program. */
#ifndef HEADCOUNT_WHY_GROUPS_H
#define HEADCOUNT_WHY_GROUPS_H

#include "user/why/facts.h"

enum why_by { WHY_BY_ADDRESS, WHY_BY_PROCESS, WHY_BY_PROGRAM };

/* What is not of its kind is that of one of them. */
struct why_group {
	struct why_session **sessions; /* the oldest first; into why_groups' array */
	size_t count;
	size_t processes; /* of known pids */
	size_t classes[WHY_CLASSES];
	__u64 oldest_ms, youngest_ms;         /* by age */
	__u64 longest_idle_ms, least_idle_ms; /* WHY_UNKNOWN: of none */
};

struct why_groups {
	struct why_group *rows; /* the largest first */
	size_t count;
	struct why_session **sessions;
};

/* Returns 0 or -ENOMEM; to be freed in any case. */
int why_groups_make(struct why_groups *groups, const struct why_facts *facts, enum why_by by);
void why_groups_free(struct why_groups *groups);

#endif
