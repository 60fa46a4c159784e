/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Answers the clients that `excess = redirect` sends to a listener of ours. A thread of its own
 * serves them all: at most ANSWERS_MAX at once, each for at most ANSWERS_SECONDS. It needs no
 * privilege. All functions may be called while it runs, by any thread but its own.
 */
#ifndef HEADCOUNT_ANSWER_SERVER_H
#define HEADCOUNT_ANSWER_SERVER_H

#include "user/answer/limits.h"
#include "user/answer/say.h"

struct answers;

/* What is said at a listener. */
struct answers_what {
	enum hc_answer protocol;
	struct talk_piece file; /* of HC_ANSWER_FILE; copied */
	const char *service;    /* for messages; copied */
};

/* How those who were accepted ended. */
struct answers_counts {
	__u64 answered; /* the answer was sent, whole */
	__u64 late;     /* cut off: time was up before that */
	__u64 crowded;  /* made room before that: there were too many */
	__u64 left;     /* went before that, or asked what has no answer */
	__u32 open;     /* not ended yet */
};

/* Answers nobody yet, who may connect and waits. Returns 0, or prints why not and returns a
 * negative errno. */
int answers_new(struct answers **answers);

/* Starts the thread, which has the privileges of now. The same. */
int answers_start(struct answers *answers);

/*
 * From now on whoever connects to `listener` is answered. It listens, does not block, and has
 * SO_REUSEADDR, which its connections inherit: else those in TIME_WAIT would keep the server
 * program from its own port. It stays the caller's, who closes it after answers_remove().
 * For a listener that is there already: those who come from now on are told this; after an
 * error, what they were told before.
 */
int answers_add(struct answers *answers, int listener, const struct answers_what *what);

/* Takes no more from it. Who is being answered still gets the answer. */
void answers_remove(struct answers *answers, int listener);

/* NULL: all zero. */
struct answers_counts answers_count(struct answers *answers);

/* Ends the thread; whoever is connected is cut off. The listeners stay open. NULL is fine. */
void answers_free(struct answers *answers);

#endif
