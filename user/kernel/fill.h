/* SPDX-License-Identifier: GPL-2.0-only */
/* How full the tables are. */
#ifndef HEADCOUNT_FILL_H
#define HEADCOUNT_FILL_H

#include "user/kernel/policy_maps.h"

enum fill_map {
	FILL_SERVICES,
	FILL_SESSIONS,
	FILL_USERS,
	FILL_LISTENERS,
	FILL_CAPS,
	FILL_COUNT,
};

struct fill_row {
	const char *map;
	__u64 entries, capacity;
};

/* Sessions and users as the caller has counted them: reading their tables is expensive. */
void fill_read(const struct headcount_bpf *object, const struct policy *policy, __u64 sessions,
	       __u64 users, struct fill_row rows[FILL_COUNT]);

/* Keys of a small map. One that is deleted meanwhile makes the kernel begin again. */
__u64 fill_count_keys(const struct bpf_map *map);

#endif
