/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A thread that accepts connections and has libmicrohttpd serve them. It accepts them
 * itself, so that a newcomer always gets in: without room, one that peers.h chooses goes.
 * No connection stays for long without sending a request and reading the answer.
 */
#ifndef HEADCOUNT_METRICS_LOOP_H
#define HEADCOUNT_METRICS_LOOP_H

#include <stdbool.h>
#include <linux/types.h>

#include <microhttpd.h>

struct metrics_loop;

/* What its thread does. `tick` is asked again after as many milliseconds as it says, -1: at the
 * latest when the limit is set again. */
struct metrics_loop_work {
	MHD_AccessHandlerCallback answer;
	int (*tick)(void *context);
	void *context;
};

/* Serves who connects to the listening socket, at most `max` connections at once. `*loop` is
 * there before the first call. 0, or -errno, and then NULL. */
int metrics_loop_start(struct metrics_loop **loop, int listener,
		       const struct metrics_loop_work *work, unsigned int max);

/* Have more come without a pause than there is room for? To be asked by `answer`. */
bool metrics_loop_is_crowded(const struct metrics_loop *loop);

/* As many from now on; and `tick` is asked. */
void metrics_loop_limit(struct metrics_loop *loop, unsigned int max);

/* Ends the thread and all connections; NULL is none. The socket stays. */
void metrics_loop_stop(struct metrics_loop *loop);

#endif
