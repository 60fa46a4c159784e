// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "user/kernel/policy_caps.h"
#include "user/sessions/view.h"

static int by_user_key(const void *left, const void *right)
{
	const struct hc_user *a = &((const struct state_user *)left)->user;
	const struct hc_user *b = &((const struct state_user *)right)->user;

	return memcmp(&a->key, &b->key, sizeof(a->key));
}

static void add_counts(struct hc_user *here, struct hc_user *there)
{
	here->word += hc_user_active(there);
	here->opened += there->opened;
	here->refused += there->refused;
	if (here->peak < there->peak)
		here->peak = there->peak;
	there->opened = there->refused = there->word = 0;
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
	qsort(users, elsewhere, sizeof(*users), by_user_key);
	for (size_t i = elsewhere; i < count && elsewhere; i++) {
		struct state_user like = {.user.key = users[i].user.key};

		like.user.key.elsewhere = 1;
		found = bsearch(&like, users, elsewhere, sizeof(*users), by_user_key);
		if (found)
			add_counts(&users[i].user, &found->user);
	}
}

struct users_cap {
	struct hc_user_key key;
	__u32 generation;
	__u32 cap;
};

void users_caps_free(struct users_caps *caps)
{
	free(caps->rows);
	memset(caps, 0, sizeof(*caps));
}

/* Place for the cap of the user in this slot, or NULL. */
static struct users_cap *place_of_cap(const struct headcount_bpf *object,
				      struct users_caps *known, __u32 position)
{
	if (!known->rows) {
		known->room = bpf_map__max_entries(object->maps.users) * HC_WAYS + 1;
		known->rows = calloc(known->room, sizeof(*known->rows));
	}
	return known->rows && position < known->room ? &known->rows[position] : NULL;
}

/* After a change of policy a user's record has the cap of before until it is used again. */
static __u32 cap_in_force(const struct headcount_bpf *object, const struct policy *policy,
			  const struct state_user *item, struct users_caps *known)
{
	const struct hc_user *user = &item->user;
	__u32 generation = policy->control.generation, cap;
	struct users_cap *row;

	if (user->generation == generation && !user->key.elsewhere)
		return user->cap;
	row = known ? place_of_cap(object, known, item->position) : NULL;
	if (row && row->generation == generation &&
	    !memcmp(&row->key, &user->key, sizeof(row->key)))
		return row->cap;
	cap = policy_cap(object, policy, &user->key);
	if (row)
		*row = (struct users_cap){user->key, generation, cap};
	return cap;
}

int users_view_read_again(const struct headcount_bpf *object, const struct policy *policy,
			  int service, struct users_caps *known, struct state_user **users,
			  size_t *count)
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
		user->cap = cap_in_force(object, policy, &(*users)[i], known);
		(*users)[kept++] = (*users)[i];
	}
	*count = kept;
	return 0;
}

int users_view_read(const struct headcount_bpf *object, const struct policy *policy,
		    int service, struct state_user **users, size_t *count)
{
	return users_view_read_again(object, policy, service, NULL, users, count);
}

int users_by_activity(const void *left, const void *right)
{
	const struct hc_user *a = &((const struct state_user *)left)->user;
	const struct hc_user *b = &((const struct state_user *)right)->user;

	if (hc_user_active(a) != hc_user_active(b))
		return hc_user_active(a) < hc_user_active(b) ? 1 : -1;
	if (a->refused != b->refused)
		return a->refused < b->refused ? 1 : -1;
	if (a->opened != b->opened)
		return a->opened < b->opened ? 1 : -1;
	return memcmp(&a->key, &b->key, sizeof(a->key));
}
