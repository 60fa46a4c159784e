/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Closes the sessions that have had no payload for longer than their service's `idle`, or their
 * user's. `run` alone does that, and tells of it as its own doing.
 */
#ifndef HEADCOUNT_IDLE_H
#define HEADCOUNT_IDLE_H

#include "user/config/config.h"
#include "user/kernel/policy_maps.h"
#include "user/kernel/walk.h"
#include "user/sessions/closer.h"

struct idle {
	struct policy policy; /* in force */
	__u32 least;          /* idle_least() */
	bool complained;      /* once: there may be many */
};

/* The shortest time that a configuration names, in seconds, or 0. */
__u32 idle_least(const struct config *config);

void idle_set(struct idle *idle, const struct policy *policy, const struct config *config);

/* At least so many of the kernel's ticks any of them has been idle. */
__u32 idle_ticks(const struct idle *idle);

/* Closes those of the rows whose time is over. `walker` has kill_mark and kill_tell. */
void idle_close(struct idle *idle, const struct headcount_bpf *walker, struct closer *closer,
		const struct walk_sockets *found);

#endif
