/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sockets that `run` looks through while it runs: those of its own network namespace, and
 * of those in which it enforces. Sessions that go out from others are not among them.
 */
#ifndef HEADCOUNT_SWEEP_H
#define HEADCOUNT_SWEEP_H

#include "user/config/config.h"
#include "user/daemon/netns_helper.h"
#include "user/kernel/walk.h"

struct sweep {
	const struct headcount_bpf *walker; /* loaded with LOAD_WALK_SOCKETS */
	struct netns_helper *helper;
	const struct netns_list *netns;
};

/* walk_sweep() over all of them. 0, or a negative errno after the printed error: the others
 * were looked through. */
int sweep_sockets(const struct sweep *sweep, const struct walk_wish *wish,
		  struct walk_sockets *found);

/* Sessions that are there get what `config` asks for. */
void sweep_keepalive(const struct sweep *sweep, const struct config *config);

#endif
