// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "users_view.h"

static int by_key(const void *left, const void *right)
{
	const struct hc_user *a = &((const struct state_user *)left)->user;
	const struct hc_user *b = &((const struct state_user *)right)->user;

	return memcmp(&a->key, &b->key, sizeof(a->key));
}

static void add(struct hc_user *here, struct hc_user *there)
{
	here->slots.active += there->slots.active;
	here->opened += there->opened;
	here->refused += there->refused;
	if (here->peak < there->peak)
		here->peak = there->peak;
	there->opened = there->refused = there->slots.active = 0;
}

void users_view_merge(struct state_user *users, size_t count)
{
	struct state_user swap, *found;
	size_t elsewhere = 0;

	/* They are few: those in front, in order, and each of the others looks there. */
	for (size_t i = 0; i < count; i++) {
		if (!users[i].user.key.elsewhere)
			continue;
		swap = users[elsewhere];
		users[elsewhere++] = users[i];
		users[i] = swap;
	}
	qsort(users, elsewhere, sizeof(*users), by_key);
	for (size_t i = elsewhere; i < count && elsewhere; i++) {
		struct state_user like = {.user.key = users[i].user.key};

		like.user.key.elsewhere = 1;
		found = bsearch(&like, users, elsewhere, sizeof(*users), by_key);
		if (found)
			add(&users[i].user, &found->user);
	}
}

int users_view_read(const struct headcount_bpf *object, const struct policy *policy,
		    int service, struct state_user **users, size_t *count)
{
	size_t kept = 0;
	int error = state_read_users(object, users, count);

	if (error)
		return error;
	users_view_merge(*users, *count);
	for (size_t i = 0; i < *count; i++) {
		struct hc_user *user = &(*users)[i].user;

		if (user->key.service >= HC_SERVICES_MAX ||
		    !policy->services[user->key.service].used ||
		    (service >= 0 && user->key.service != service) || !state_user_shown(user))
			continue;
		if (user->generation != policy->control.generation || user->key.elsewhere)
			user->cap = policy_cap(object, policy, &user->key);
		(*users)[kept++] = (*users)[i];
	}
	*count = kept;
	return 0;
}
