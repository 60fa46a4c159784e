/* SPDX-License-Identifier: GPL-2.0-only */
/* Reads the facts. What takes long is not read again before a time that follows from how much
 * of a core it took: all of it together takes less than a hundredth. */
#ifndef HEADCOUNT_WEB_GATHER_H
#define HEADCOUNT_WEB_GATHER_H

#include "user/sessions/view.h"
#include "user/web/facts.h"

/* Appends the sessions whose peer has left so many unanswered, where it looks; 0, or a negative
 * errno after the printed error. Called by the page's thread alone. */
struct web_walk {
	int (*walk)(void *context, __u32 unanswered, struct walk_sockets *found);
	void *context;
};

struct web_gather {
	const struct headcount_bpf *object;
	struct web_walk walk; /* or NULL: nobody can */
	struct users_caps caps;
};

/* Policy and counters, and notes them in the history: cheap. Prints the error. */
int web_gather_counts(const struct web_gather *gather, struct web_facts *facts);

/* And the rest, as far as it is time. */
int web_gather_all(struct web_gather *gather, struct web_facts *facts);

/* What it keeps to be faster the next time. */
void web_gather_forget(struct web_gather *gather);

#endif
