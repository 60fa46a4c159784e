/* SPDX-License-Identifier: GPL-2.0-only */
/* What the fleet's thread says of itself: to the log and the events once for each change, and
 * to status and the metrics each second (include/fleet_status.h). */
#ifndef HEADCOUNT_FLEET_TELL_H
#define HEADCOUNT_FLEET_TELL_H

#include "fleet_status.h"
#include "user/events/print.h"
#include "user/daemon/fleet_shard.h"

struct fleet_teller {
	const struct headcount_bpf *object;
	struct hc_fleet_status status;
	__u64 published_ns; /* CLOCK_BOOTTIME */
	__u64 asks;         /* that there were then */
	bool changed;       /* since then */
	/* Takes a piece of news. */
	void (*take)(void *context, const struct print_fleet *news);
	void *context;
};

/* After each round of the thread; now is CLOCK_BOOTTIME. */
void fleet_tell(struct fleet_teller *teller, struct shard *shards, __u32 count,
		const struct shard_common *common, __u64 now);

/* There is no fleet any more, here. */
void fleet_tell_end(struct fleet_teller *teller);

#endif
