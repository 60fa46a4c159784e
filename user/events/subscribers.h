/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who has the places of the subscribers (events_max), by the uid that connected: nobody who may
 * connect keeps others out. If all are taken, a newcomer gets a place of the user who has most,
 * but not if that one had fewer then than the newcomer's. Root's are never taken, and root gets
 * in before anybody else: it is turned away only if root has all.
 */
#ifndef HEADCOUNT_SUBSCRIBERS_H
#define HEADCOUNT_SUBSCRIBERS_H

#include <sys/types.h>

struct subscriber_user {
	struct subscriber_user *next;
	uid_t uid;
	unsigned int count;
};

/* Another place is this user's; NULL: there is no memory. */
struct subscriber_user *subscribers_take(struct subscriber_user **users, uid_t uid);

/* And is not any more. Frees who has none. */
void subscribers_leave(struct subscriber_user **users, struct subscriber_user *user);

/* Who has to give a place to the newcomer, or NULL. */
struct subscriber_user *subscribers_yielding(struct subscriber_user *users, uid_t newcomer);

#endif
