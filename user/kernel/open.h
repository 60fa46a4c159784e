/* SPDX-License-Identifier: GPL-2.0-only */
/* The running headcount, as the other commands find it: by its pins. */
#ifndef HEADCOUNT_OPEN_H
#define HEADCOUNT_OPEN_H

#include "user/kernel/load.h"

/* The maps of the running headcount, with `programs` loaded on them; LOAD_WALK_FILES, which
 * then tells who has the sessions, only if the kernel takes it. Prints the error: no
 * privileges, not running, state of another version. */
int open_maps(struct headcount_bpf **object, unsigned int programs);

/* The maps alone, of one that runs and that we may look into; else NULL, and nothing is said.
 */
struct headcount_bpf *open_quietly(void);

#endif
