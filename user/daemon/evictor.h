/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Makes room for newcomers over their cap (excess = evict), in a thread of its own: a newcomer
 * sends its SYN again a second after it was dropped, and by then the slot has to be free,
 * whatever the readers of events and a reload keep the main thread busy with.
 *
 * The kernel part asks by the ring `pleas`. What comes while a walk goes on is gathered, and
 * looked after by the next one. A user of whom nothing is stale is noted in `barren`, and until
 * that is over the kernel part refuses his newcomers without asking: so a flood makes less than
 * a walk a second.
 */
#ifndef HEADCOUNT_EVICTOR_H
#define HEADCOUNT_EVICTOR_H

#include "user/daemon/netns_helper.h"
#include "user/kernel/load.h"
#include "user/sessions/closer.h"

struct evictor;

/* What it works with, all of it the daemon's, which outlives it. */
struct evictor_tools {
	const struct headcount_bpf *object;
	struct closer *closer;
	struct netns_helper *helper;
	const struct netns_list *netns; /* where the sockets are; see evictor_pause() */
};

/* Loads the walk of its own, on the maps of `object`. `*evictor` is the caller's, whatever
 * happens. Returns 0, or a negative errno after the printed error. */
int evictor_new(struct evictor **evictor, const struct headcount_bpf *object);

/* Starts the thread, which has the capabilities that we have now; once. The same. */
int evictor_start(struct evictor *evictor, const struct evictor_tools *tools);

/* While it is paused, the list of namespaces may change. Waits for a walk that goes on. Each
 * takes NULL. */
void evictor_pause(struct evictor *evictor);
void evictor_resume(struct evictor *evictor);

/* Ends the thread; takes NULL. */
void evictor_free(struct evictor *evictor);

#endif
