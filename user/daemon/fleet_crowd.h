/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Attempts of one user that wait for units (cold = wait). Each asks for the slots that are
 * taken, and one more: it has none yet, nor have the others that came with it. Taken by
 * themselves, ten that come at once would ask for one unit, and of ten that come again one
 * would find it.
 */
#ifndef HEADCOUNT_FLEET_CROWD_H
#define HEADCOUNT_FLEET_CROWD_H

#include "user/base/clock.h"
#include "user/kernel/fleet_words.h"

/* A SYN comes again after a second at the earliest: what asks within less is another attempt,
 * and none of them can have got in meanwhile. */
#define FLEET_CROWD_NS (900 * NS_PER_MS)

/* Zeroed at first. */
struct fleet_crowd {
	__u64 since_ns; /* the first ask of so short a time */
	__u32 count;    /* and those since then */
};

/* The units that there shall be, for this ask and those that came with it. */
__u32 fleet_crowd_need(struct fleet_crowd *crowd, const struct hc_ask *ask, __u64 now);

#endif
