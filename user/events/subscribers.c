// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>

#include "user/events/subscribers.h"

static struct subscriber_user *find_user(struct subscriber_user *users, uid_t uid)
{
	while (users && users->uid != uid)
		users = users->next;
	return users;
}

struct subscriber_user *subscribers_take(struct subscriber_user **users, uid_t uid)
{
	struct subscriber_user *user = find_user(*users, uid);

	if (!user) {
		user = calloc(1, sizeof(*user));
		if (!user)
			return NULL;
		user->uid = uid;
		user->next = *users;
		*users = user;
	}
	user->count++;
	return user;
}

void subscribers_leave(struct subscriber_user **users, struct subscriber_user *user)
{
	if (--user->count)
		return;
	while (*users != user)
		users = &(*users)->next;
	*users = user->next;
	free(user);
}

struct subscriber_user *subscribers_yielding(struct subscriber_user *users, uid_t newcomer)
{
	const struct subscriber_user *own = find_user(users, newcomer);
	struct subscriber_user *most = NULL;

	for (struct subscriber_user *user = users; user; user = user->next)
		if (user->uid && user != own && (!most || user->count > most->count))
			most = user;
	if (!most || !newcomer)
		return most;
	return most->count - 1 > (own ? own->count : 0) ? most : NULL;
}
