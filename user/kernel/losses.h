/* SPDX-License-Identifier: GPL-2.0-only */
/* What was lost, by reason: the words, and the counters of the map `losses`. */
#ifndef HEADCOUNT_LOSSES_H
#define HEADCOUNT_LOSSES_H

#include <linux/types.h>
#include "loss.h"

struct headcount_bpf;

struct loss_row {
	const char *word;
	const char *text;
	enum { LOSS_UNTRACKED, LOSS_EVENTS, LOSS_NOTE, LOSS_SINK } kind;
};

/* By enum hc_loss. */
extern const struct loss_row loss_rows[HC_LOSS_COUNT];

/* Sum over all CPUs of each loss. Prints the error. */
int losses_read(const struct headcount_bpf *object, __u64 losses[HC_LOSS_COUNT]);

/* The sum of one; 0 if it cannot be read. `each_cpu` is room for a number of each. */
__u64 losses_read_one(const struct headcount_bpf *object, enum hc_loss reason, __u64 *each_cpu);

/* Adds to a reason that no BPF program counts: nothing comes in between. */
void losses_add(const struct headcount_bpf *object, enum hc_loss reason, __u64 count,
		__u64 *each_cpu);

#endif
