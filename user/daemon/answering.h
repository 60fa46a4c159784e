/* SPDX-License-Identifier: GPL-2.0-only */
/* Answers at the listeners of targets.h whoever is redirected there. */
#ifndef HEADCOUNT_ANSWERING_H
#define HEADCOUNT_ANSWERING_H

#include "user/answer/server.h"
#include "user/daemon/targets.h"

struct headcount_bpf;

/* Zeroed: nobody is to be answered. */
struct answering {
	struct answers *answers;       /* made with the first listener */
	bool live;                     /* it may have its thread */
	struct answers_counts counted; /* so many are in the map of losses */
};

/* For targets->server. */
struct targets_server answering_server(struct answering *answering);

/* From now on they are answered; privileges have been given up. Returns 0, or a negative errno
 * after the printed error. */
int answering_start(struct answering *answering);

/* Counts who was not answered among the losses, of which nobody else counts those. */
void answering_count(struct answering *answering, const struct headcount_bpf *object);

/* After targets_free(). */
void answering_end(struct answering *answering, const struct headcount_bpf *object);

#endif
