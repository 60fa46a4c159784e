/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What Prometheus is told: gathered from the maps first, and then written as text.
 * The gathering only reads, and may be done in any thread; the writing is pure.
 */
#ifndef HEADCOUNT_METRICS_H
#define HEADCOUNT_METRICS_H

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

/* The programs that are attached, open. */
struct metrics_programs {
	int *fds;
	size_t count;
};

/* `metrics` need not be set. Prints the error; metrics_free() in any case. With NULL
 * the kernel is asked for the programs, which not all of us may. */
int metrics_gather(struct metrics *metrics, const struct headcount_bpf *object,
		   const struct metrics_programs *programs, size_t top);
void metrics_free(struct metrics *metrics);

enum metrics_format {
	METRICS_PROMETHEUS, /* text, version 0.0.4 */
	METRICS_OPEN,       /* OpenMetrics 1.0.0 */
};

void metrics_print(FILE *out, const struct metrics *metrics, enum metrics_format format);

#endif
