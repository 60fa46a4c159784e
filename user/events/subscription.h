/* SPDX-License-Identifier: GPL-2.0-only */
/* The other end of the daemon's socket: whole lines, across its restarts, and how many were
 * missed. */
#ifndef HEADCOUNT_SUBSCRIPTION_H
#define HEADCOUNT_SUBSCRIPTION_H

#include <stdbool.h>
#include <stddef.h>
#include "user/events/print.h"

struct subscription {
	const char *path;
	int fd; /* -1: not connected */
	bool gap_as_line;
	bool full;            /* the daemon had no room for us; it is not connected any more */
	bool resumed;         /* no line has come since it was connected again */
	__u64 sequence;       /* of the last line */
	struct origin origin; /* of the first since it was connected */
	struct print_buffer in;
};

typedef void subscription_line(void *context, const char *text, size_t length);

/* Connects; again, if it was before. Returns 0 or a negative errno; prints nothing of that. */
int subscription_open(struct subscription *subscription);

/* Reads once and gives away whole lines, with their newline; before them, if it was connected
 * again, an events-lost line. At the daemon's end the subscription is not connected. */
void subscription_read(struct subscription *subscription, subscription_line *line,
		       void *context);

void subscription_free(struct subscription *subscription);

#endif
