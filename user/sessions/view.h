/* SPDX-License-Identifier: GPL-2.0-only */
/* The users, as shown to people. */
#ifndef HEADCOUNT_USERS_VIEW_H
#define HEADCOUNT_USERS_VIEW_H

#include "user/kernel/policy_maps.h"
#include "user/kernel/state.h"

/*
 * Reads the users worth a row, of the services in force (or of one, if `service` is
 * not negative), in no order. Each has its cap in force in `user.cap`.
 * `*users` is the caller's to free. Prints errors.
 */
int users_view_read(const struct headcount_bpf *object, const struct policy *policy,
		    int service, struct state_user **users, size_t *count);

/* Caps that were looked up, by position. All zero at first, and for other maps. */
struct users_caps {
	struct users_cap *rows;
	size_t room;
};
void users_caps_free(struct users_caps *caps);

/* The same for whoever reads again and again: looks no cap up twice. */
int users_view_read_again(const struct headcount_bpf *object, const struct policy *policy,
			  int service, struct users_caps *known, struct state_user **users,
			  size_t *count);

/*
 * Sessions of other namespaces are counted apart, so that they limit nobody here;
 * to a person both are one user. The cap is that of the one that can be capped,
 * and the peak is at least the larger one. What was added to another is left with
 * nothing, which is not shown.
 */
void users_view_merge(struct state_user *users, size_t count);

/* For qsort(3): the most sessions first, then who was refused most, then who opened most. */
int users_by_activity(const void *left, const void *right);

#endif
