/* SPDX-License-Identifier: GPL-2.0-only */
/* What is in the archive of `debug`: a file each. */
#ifndef HEADCOUNT_DEBUG_PARTS_H
#define HEADCOUNT_DEBUG_PARTS_H

#include <stdbool.h>

struct debug_part {
	const char *file;
	/* Writes it to stdout and errors to stderr; an exit code. Runs in a child, so that
	 * a part that fails, or dies, costs only itself. */
	int (*write)(bool with_users);
	bool users; /* has addresses or names of users */
};

/* Ends with one without a file. */
extern const struct debug_part debug_parts[];

#endif
