/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HEADCOUNT_SNAPSHOT_H
#define HEADCOUNT_SNAPSHOT_H

#include "load.h"

/*
 * Counts the sessions and listeners that are there already. The trace programs
 * of `object` are attached before, so that a session is met by one or the other
 * (a cookie that both meet is counted once), and its end is always seen.
 */
int snapshot_take(const struct headcount_bpf *object);

/*
 * After a change of policy sessions go to the service and the user that they now
 * belong to. What does it is loaded before the change (snapshot_mover), so that
 * there is as little time as can be in which new users seem to hold nothing.
 */
int snapshot_mover(const struct headcount_bpf *object, struct headcount_bpf **mover);

#endif
