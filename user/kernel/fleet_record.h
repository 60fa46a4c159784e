/* SPDX-License-Identifier: GPL-2.0-only */
/* How the fleet goes (include/fleet_status.h): the daemon's side, and that of who asks. */
#ifndef HEADCOUNT_FLEET_RECORD_H
#define HEADCOUNT_FLEET_RECORD_H

#include "fleet_status.h"
#include "user/kernel/load.h"

/* Texts end within their arrays. 0, or a negative errno after the printed error. */
int fleet_record_read(const struct headcount_bpf *object, struct hc_fleet_status *status);

void fleet_record_write(const struct headcount_bpf *object,
			const struct hc_fleet_status *status);

/* There is no fleet. */
void fleet_record_clear(const struct headcount_bpf *object);

/* Is its lease live now? */
bool fleet_shard_live(const struct hc_fleet_shard *shard);

/* Since when any shard is without its store: CLOCK_REALTIME; 0: none is. */
__u64 fleet_record_alone(const struct hc_fleet_status *status);

/* "joining", "claiming", "learning", "ready", or "alone", whatever it was before. */
const char *fleet_stage_word(const struct hc_fleet_shard *shard);

#endif
