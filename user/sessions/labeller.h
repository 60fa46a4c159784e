/* SPDX-License-Identifier: GPL-2.0-only */
/* Gives sessions labels, on behalf of programs that cannot call setsockopt() themselves. */
#ifndef HEADCOUNT_LABELLER_H
#define HEADCOUNT_LABELLER_H

#include "user/kernel/load.h"
#include "user/sessions/label_order.h"

/* All zero at first. */
struct labeller {
	struct headcount_bpf *object; /* of the headcount that runs, if it was asked */
	unsigned int programs;        /* that it was loaded with */
	__u32 netns;                  /* ours, as by_ends_netns() says; 0: not known yet */
};

/*
 * Gives the label; over the cap, closes the session if that was ordered, and `*closed` says
 * whether it is gone. Returns 0, -EDQUOT (over the cap) or another negative errno, after the
 * printed error. The next order finds a headcount that was started anew.
 */
int labeller_give(struct labeller *labeller, const struct label_order *order, bool *closed);

/* Opens the running headcount; needs no order. Prints the error. */
int labeller_open(struct labeller *labeller, bool kill);

void labeller_close(struct labeller *labeller);

#endif
