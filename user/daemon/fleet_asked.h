/* SPDX-License-Identifier: GPL-2.0-only */
/* One command that is run for another host: what it prints, until it has ended. For
 * fleet_reply.c. */
#ifndef HEADCOUNT_FLEET_ASKED_H
#define HEADCOUNT_FLEET_ASKED_H

#include "user/daemon/fleet_runner.h"

struct fleet_asked {
	bool there;
	char id[ASK_ID + 1];
	int fds[2]; /* what it prints, what it says; -1: that has ended */
	char *output;
	size_t output_size;
	char said[ASK_SAID_MAX];
	size_t said_size;
	bool too_long;
	__u64 until; /* CLOCK_BOOTTIME */
};

/* Returns 0 or a negative errno. */
int fleet_asked_begin(struct fleet_asked *asked, struct fleet_runner *runner,
		      const struct fleet_request *request, const char *id);

/* Reads what there is. True: it has ended, or its time is over. */
bool fleet_asked_read(struct fleet_asked *asked, __u64 now);

/* Its exit code, which is taken from the output, once it has ended; 1 if it did not come to its
 * end, and then `said` tells why. */
int fleet_asked_code(struct fleet_asked *asked);

void fleet_asked_free(struct fleet_asked *asked);

#endif
