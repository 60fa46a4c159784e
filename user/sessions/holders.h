/* SPDX-License-Identifier: GPL-2.0-only */
/* Which processes have a session's socket now: of an inbound one, whoever accepted it. */
#ifndef HEADCOUNT_HOLDERS_H
#define HEADCOUNT_HOLDERS_H

#include "user/kernel/walk.h"

/* All zero: nothing is known. */
struct holders {
	bool known;
	struct hc_holder *rows; /* by session, of each the newest process first */
	size_t count;
};

/* Prints the error. Nothing is known where `object` was loaded without LOAD_WALK_FILES: the
 * kernel refuses it. */
int holders_read(const struct headcount_bpf *object, struct holders *holders);
void holders_free(struct holders *holders);

/* The newest of the `*count` processes that hold the session, or NULL. */
const struct hc_holder *holders_of(const struct holders *holders, __u64 id, size_t *count);

#endif
