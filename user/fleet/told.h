/* SPDX-License-Identifier: GPL-2.0-only */
/* What hosts answer, piece by piece, from bytes of anybody. */
#ifndef HEADCOUNT_FLEET_TOLD_H
#define HEADCOUNT_FLEET_TOLD_H

#include "user/fleet/message.h"
#include "user/fleet/request.h"

#define ASK_OUTPUT_MAX (4 * 1024 * 1024) /* that a host's command prints */
#define ASK_SAID_MAX   4096              /* and says */

/* What one host answered. */
struct fleet_told {
	char host[HOST_NAME_ROOM];
	bool begun, ended; /* it has taken the request; its answer is whole */
	bool spoilt;       /* it was too long, or none */
	int code;          /* the exit code of its command, once it has ended */
	/* What that printed on stdout and on stderr: any bytes, and a zero behind them. NULL:
	 * nothing. */
	char *output, *said;
	size_t output_size, said_size;
};

struct fleet_answers {
	struct fleet_told *hosts; /* by name; with those that are known and did not answer */
	size_t count;
	size_t bytes; /* of all */
};

void fleet_answers_free(struct fleet_answers *answers);

/* The host of that name, which is good, or a new one; NULL: there are too many, or no memory.
 */
struct fleet_told *told_host(struct fleet_answers *answers, const struct fleet_word *name);

/* An element of the list. What is none is passed over. Returns 0 or -ENOMEM. */
int told_take(struct fleet_answers *answers, const struct fleet_word *element);

bool told_all_begun(const struct fleet_answers *answers);

/* All that have begun. */
bool told_all_ended(const struct fleet_answers *answers);

void told_sort(struct fleet_answers *answers);

#endif
