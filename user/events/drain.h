/* SPDX-License-Identifier: GPL-2.0-only */
/* From the rings to lines for the sinks, in batches. */
#ifndef HEADCOUNT_DRAIN_H
#define HEADCOUNT_DRAIN_H

#include "user/events/sinks.h"
#include "user/kernel/load.h"
#include "user/kernel/policy_maps.h"

struct drain;

/* Reads the rings of `object`, printing text or JSON to `sinks`, which are the caller's. Text
 * is for stdout alone. What stdout does not take when we are to end is counted, and
 * drain_free() says how much that is. NULL on an error, which is printed. */
struct drain *drain_new(const struct headcount_bpf *object, struct sinks *sinks, bool json);
void drain_free(struct drain *drain);

/* Service names for the lines, after every change of policy. */
void drain_set_policy(struct drain *drain, const struct policy *policy);

/*
 * Sleeps for `nap_ms`, then prints the records that gathered, and with them what
 * was lost since the last time. Returns 0, -EPIPE when nobody reads any more,
 * or another negative errno (printed).
 */
int drain_poll(struct drain *drain, int nap_ms);

/* After the last of it: what slow readers have left is written, or counted. */
void drain_finish(struct drain *drain);

/* If it was given up because nobody reads: what is in the rings goes unread too. */
void drain_count_rest(struct drain *drain);

/* Tells of the fleet at the next drain_poll(); in JSON alone. */
void drain_tell_fleet(struct drain *drain, const struct print_fleet *fleet);

/* Refusals have been seen since the last call: some may be held back. */
bool drain_saw_refusals(struct drain *drain);

#endif
