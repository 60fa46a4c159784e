/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What Prometheus is told: gathered from the maps first, and then written as text.
 * The gathering only reads, and may be done in any thread; the writing is pure.
 */
#ifndef HEADCOUNT_METRICS_H
#define HEADCOUNT_METRICS_H

#include <stdio.h>
#include "user/metrics/facts.h"

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

void metrics_print(FILE *out, const struct metrics *metrics, enum metrics_format format);

#endif
