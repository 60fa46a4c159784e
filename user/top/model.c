// SPDX-License-Identifier: GPL-2.0-only
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/log.h"
#include "user/base/user_name.h"
#include "user/top/model.h"

void top_list_move(struct top_list *list, long by)
{
	long last = (long)list->count - 1, to = (long)list->cursor + by;

	list->cursor = to < 0 || last < 0 ? 0 : to > last ? last : to;
	list->pinned = list->cursor > 0;
}

void top_list_follow(struct top_list *list, size_t place)
{
	if (!list->pinned)
		list->cursor = 0;
	else if (place < list->count)
		list->cursor = place;
	else if (list->cursor >= list->count)
		list->cursor = list->count ? list->count - 1 : 0;
}

void top_list_scroll(struct top_list *list, size_t height)
{
	if (!height)
		height = 1;
	if (list->cursor < list->first)
		list->first = list->cursor;
	if (list->cursor >= list->first + height)
		list->first = list->cursor - height + 1;
	/* No blank rows at the end while there are others above. */
	if (list->first + height > list->count)
		list->first = list->count > height ? list->count - height : 0;
}

/* What the order of a user depends on, in one place: the records are too large to be
 * looked at for each comparison. */
struct user_rank {
	__u64 by[3];
	__u64 key[3];
	__u32 index;
};

static int by_rank(const void *left, const void *right)
{
	const struct user_rank *a = left, *b = right;

	for (int i = 0; i < 3; i++)
		if (a->by[i] != b->by[i])
			return a->by[i] < b->by[i] ? 1 : -1;
	for (int i = 0; i < 3; i++)
		if (a->key[i] != b->key[i])
			return a->key[i] < b->key[i] ? -1 : 1;
	return 0;
}

static void rank_user(struct user_rank *rank, const struct hc_user *user, unsigned int order,
		      __u32 index)
{
	__u64 counts[] = {hc_user_active(user), user->refused, user->opened};
	bool is_address = user->key.kind == HC_BY_CLIENT || user->key.kind == HC_UNLABELLED;

	rank->by[0] = counts[order];
	for (int i = 0, at = 1; i < 3; i++)
		if (i != (int)order)
			rank->by[at++] = counts[i];
	rank->key[0] = (__u64)user->key.service << 32 | user->key.elsewhere;
	for (int i = 0; i < 2; i++)
		rank->key[1 + i] = is_address ? be64toh(user->key.word[i]) : user->key.word[i];
	rank->index = index;
}

static void forget_names(struct top_users *users)
{
	for (size_t i = 0; i < users->names_room; i++)
		free(users->names[i].text);
	free(users->names);
	users->names = NULL;
	users->names_room = 0;
}

/* The name of the user at this position, which may be another than it was. */
static const char *name_of(struct top_users *users, const struct state_user *item)
{
	struct top_name *name;
	char text[HC_USER_TEXT];

	if (item->position >= users->names_room) {
		size_t room = 2 * (size_t)item->position + 1024;

		name = reallocarray(users->names, room, sizeof(*name));
		if (!name)
			return "";
		memset(name + users->names_room, 0, (room - users->names_room) * sizeof(*name));
		users->names = name;
		users->names_room = room;
	}
	name = &users->names[item->position];
	if (!name->text || memcmp(&name->key, &item->user.key, sizeof(name->key))) {
		free(name->text);
		name->key = item->user.key;
		name->text = strdup(user_key_format(&name->key, true, text, sizeof(text)));
	}
	return name->text ?: "";
}

static bool user_wanted(struct top_users *users, const struct policy *policy,
			const struct state_user *item)
{
	const char *filter = users->list.filter;

	return !*filter || strcasestr(policy->services[item->user.key.service].name, filter) ||
	       strcasestr(name_of(users, item), filter);
}

const struct hc_user *top_users_at(const struct top_users *users, size_t place)
{
	return place < users->list.count ? &users->items[users->list.shown[place]].user : NULL;
}

void top_users_select(struct top_users *users)
{
	const struct hc_user *user = top_users_at(users, users->list.cursor);

	if (user)
		users->selected = user->key;
}

int top_users_arrange(struct top_users *users, const struct policy *policy)
{
	struct top_list *list = &users->list;
	struct user_rank *ranks = calloc(users->count + 1, sizeof(*ranks));
	__u32 *shown = reallocarray(list->shown, users->count + 1, sizeof(*shown));
	size_t selected = users->count, place;

	if (shown)
		list->shown = shown;
	list->count = 0;
	if (!*list->filter)
		forget_names(users);
	if (!ranks || !shown) {
		free(ranks);
		return hc_error_errno(ENOMEM, "cannot show the users");
	}
	for (size_t i = 0; i < users->count; i++) {
		const struct hc_user *user = &users->items[i].user;

		if (!memcmp(&user->key, &users->selected, sizeof(user->key)))
			selected = i;
		if (user_wanted(users, policy, &users->items[i]))
			rank_user(&ranks[list->count++], user, list->order, i);
	}
	qsort(ranks, list->count, sizeof(*ranks), by_rank);
	for (size_t i = 0; i < list->count; i++)
		shown[i] = ranks[i].index;
	free(ranks);
	for (place = 0; place < list->count && shown[place] != selected; place++)
		;
	top_list_follow(list, place);
	top_users_select(users);
	return 0;
}

int top_users_take(struct top_users *users, const struct policy *policy,
		   struct state_user *items, size_t count)
{
	free(users->items);
	users->items = items;
	users->count = count;
	users->active = users->at_cap = 0;
	for (size_t i = 0; i < count; i++) {
		__u32 active = hc_user_active(&items[i].user);

		users->active += active;
		users->at_cap += active >= items[i].user.cap;
	}
	return top_users_arrange(users, policy);
}

void top_users_free(struct top_users *users)
{
	forget_names(users);
	free(users->items);
	free(users->list.shown);
	memset(users, 0, sizeof(*users));
}

void top_rates_update(struct top_rates *rates, const struct top_counts *now, __u64 now_ns)
{
	const struct top_counts *last = &rates->last;
	double seconds = (now_ns - rates->last_ns) / 1e9;

	rates->known = rates->last_ns && now_ns > rates->last_ns &&
		       now->opened >= last->opened && now->closed >= last->closed &&
		       now->refused >= last->refused;
	if (rates->known) {
		rates->opened = (now->opened - last->opened) / seconds;
		rates->closed = (now->closed - last->closed) / seconds;
		rates->refused = (now->refused - last->refused) / seconds;
	}
	rates->last = *now;
	rates->last_ns = now_ns;
}
