/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HEADCOUNT_SNAPSHOT_H
#define HEADCOUNT_SNAPSHOT_H

#include "user/kernel/load.h"

/*
 * Counts the sessions and listeners that are there already, as far as `walker` has what it
 * takes: LOAD_WALK_SOCKETS with `adopt`, LOAD_WALK_REPAIRS, LOAD_WALK_FILES,
 * LOAD_WALK_SESSIONS. The trace programs on its maps are attached before, so that a session is
 * met by one or the other (a cookie that both meet is counted once), and its end is always
 * seen.
 */
int snapshot_take(const struct headcount_bpf *walker);

#endif
