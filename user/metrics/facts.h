/* SPDX-License-Identifier: GPL-2.0-only */
/* What the metrics tell: numbers. */
#ifndef HEADCOUNT_METRICS_FACTS_H
#define HEADCOUNT_METRICS_FACTS_H

#include <stdio.h>

#include "user/kernel/fill.h"
#include "user/kernel/fleet_record.h"
#include "user/kernel/links.h"
#include "loss.h"
#include "user/kernel/policy_maps.h"
#include "user/kernel/state.h"
#include "user/kernel/totals_maps.h"

struct metrics {
	struct policy policy;
	struct hc_counters counters[HC_SERVICES_MAX];
	__u64 sessions[HC_SERVICES_MAX]; /* now, those that are charged to a user */
	__u64 users[HC_SERVICES_MAX];    /* with sessions now */
	__u64 losses[HC_LOSS_COUNT];
	struct fill_row fill[FILL_COUNT];
	struct links_row *programs; /* one for each name */
	size_t program_count;
	struct hc_fleet_status fleet;
	bool measured;          /* the kernel counts and times them */
	struct state_user *top; /* the busiest */
	size_t top_count;
};

enum metrics_format {
	METRICS_PROMETHEUS, /* text, version 0.0.4 */
	METRICS_OPEN,       /* OpenMetrics 1.0.0 */
};

#endif
