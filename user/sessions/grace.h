/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Closes the sessions of services by label that have had no label for longer than their
 * service's login_grace. `run` alone does that, and tells of it as `kill` does.
 */
#ifndef HEADCOUNT_GRACE_H
#define HEADCOUNT_GRACE_H

#include "user/kernel/policy_maps.h"
#include "user/sessions/closer.h"

/* Seconds by service id; 0: for ever. */
struct grace {
	__u32 seconds[HC_SERVICES_MAX];
	bool any;
	bool complained; /* once: there may be many */
};

void grace_set(struct grace *grace, const struct policy *policy);

/* Closes those whose time is over. `walker` has kill_mark and kill_tell. */
void grace_close(struct grace *grace, const struct headcount_bpf *walker,
		 struct closer *closer);

#endif
