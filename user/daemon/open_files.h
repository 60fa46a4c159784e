/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How many files may be open at once. Readers of events and of metrics are bounded, so that
 * what `run` can need is known at the start: with a limit of that, nobody can take what a
 * reload or the end of it needs.
 */
#ifndef HEADCOUNT_OPEN_FILES_H
#define HEADCOUNT_OPEN_FILES_H

#include "user/config/config.h"

/* As many as we may have: the soft limit becomes the hard one. First thing. */
void open_files_raise(void);

/* What `run` has open at most under `now`, while it reloads `next`, of whose subscribers there
 * are so many already. */
__u64 open_files_needed(const struct config *now, const struct config *next,
			unsigned int subscribers);

/* May we have those? 0, or the printed error. */
int open_files_check(const struct config *now, const struct config *next,
		     unsigned int subscribers);

#endif
