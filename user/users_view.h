/* SPDX-License-Identifier: GPL-2.0-only */
/* The users as people are shown them. */
#ifndef HEADCOUNT_USERS_VIEW_H
#define HEADCOUNT_USERS_VIEW_H

#include "policy_user.h"
#include "state.h"

/* Caps that were looked up, by slot, for whoever reads again and again: all zero, and all
 * zero again for other maps. */
struct users_caps {
	struct users_cap {
		struct hc_user_key key;
		__u32 generation;
		__u32 cap;
	} * rows;
	size_t room;
};
void users_caps_free(struct users_caps *caps);

/*
 * Reads the users worth a row, of the services in force (or of one, if `service` is
 * not negative), in no order. Each has its cap in force in `user.cap`. `known` may be NULL.
 * `*users` is the caller's to free. Prints errors.
 */
int users_view_read(const struct headcount_bpf *object, const struct policy *policy,
		    int service, struct users_caps *known, struct state_user **users,
		    size_t *count);

/*
 * Sessions of other namespaces are counted apart, so that they limit nobody here;
 * to a person both are one user. The cap is that of the one that can be capped,
 * and the peak is at least the larger one. What was added to another is left with
 * nothing, which is not shown.
 */
void users_view_merge(struct state_user *users, size_t count);

#endif
