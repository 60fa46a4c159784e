/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Closes the sessions that the kernel part refused too late: they had passed the gate, and came
 * over the cap when their reservation had been forgotten (HC_S_REFUSED). It asks the kernel's
 * sock_diag, in each namespace by a socket of its own that is opened while we may enter it.
 */
#ifndef HEADCOUNT_CLOSER_H
#define HEADCOUNT_CLOSER_H

#include "load.h"
#include "netns.h"

struct closer;

/* For these namespaces. NULL after the printed error. */
struct closer *closer_new(const struct netns_list *list);
void closer_free(struct closer *closer);

/* Closes the session of a refusal: one that has an id, and came in. Others are none of ours. */
void closer_take(void *closer, const struct hc_event *refusal);

/* Closes those that nobody was there to close when they were refused. 0, or the printed error.
 */
int closer_sweep(struct closer *closer, const struct headcount_bpf *object);

#endif
