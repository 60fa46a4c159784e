// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "user/base/clock.h"
#include "user/kernel/fleet_record.h"
#include "user/kernel/losses.h"
#include "user/kernel/reload_record.h"
#include "user/kernel/totals_maps.h"
#include "user/sessions/stale.h"
#include "user/web/gather.h"

/* Not more often, and then at most one part of so many of the time. */
#define USERS_NS    (2 * NS_PER_SECOND)
#define USERS_PART  160
#define STALE_NS    (10 * NS_PER_SECOND)
#define STALE_PART  500
#define PATIENCE_NS (60 * NS_PER_SECOND) /* what failed is not tried again sooner */

int web_gather_counts(const struct web_gather *gather, struct web_facts *facts)
{
	int error = policy_read(gather->object, &facts->policy);

	error = error ?: counters_read(gather->object, facts->counters);
	facts->now_ns = clock_monotonic_ns();
	if (!error)
		history_note(&facts->history, &facts->policy, facts->counters, facts->now_ns);
	return error;
}

static __u64 used_ns(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* It was read, and took `used` of this thread's time. */
static void note_read(struct web_read *read, __u64 now, __u64 used, __u64 least, __u64 part,
		      int error)
{
	__u64 pause = used * part > least ? used * part : least;

	read->failed = error;
	if (!error)
		read->at_ns = now;
	read->next_ns = now + (error && pause < PATIENCE_NS ? PATIENCE_NS : pause);
}

static void read_users(struct web_gather *gather, struct web_facts *facts)
{
	__u64 now = clock_monotonic_ns(), used = used_ns();
	struct state_user *users;
	size_t count;
	int error = users_view_read_again(gather->object, &facts->policy, -1, &gather->caps,
					  &users, &count);

	if (!error) {
		memset(&facts->users, 0, sizeof(facts->users));
		for (size_t i = 0; i < count; i++)
			web_users_add(&facts->users, &users[i].user, now);
		free(users);
		fill_read(gather->object, &facts->policy, counters_sessions(facts->counters),
			  facts->users.count, facts->fill);
	}
	note_read(&facts->users_read, now, used_ns() - used, USERS_NS, USERS_PART, error);
}

static int by_silence(const void *left, const void *right)
{
	const struct hc_socket *a = left, *b = right;

	if (a->peer.heard_ticks != b->peer.heard_ticks)
		return a->peer.heard_ticks < b->peer.heard_ticks ? 1 : -1;
	return a->id < b->id ? -1 : a->id > b->id;
}

static void take_stale(struct web_stale *stale, struct walk_sockets *found,
		       const struct policy *policy)
{
	size_t kept = 0;

	for (size_t i = 0; i < found->count; i++) {
		const struct hc_socket *socket = &found->rows[i];
		__u16 service = socket->session.user.service;

		if (socket->tracked && service < HC_SERVICES_MAX &&
		    policy->services[service].used && session_stale(socket) &&
		    !(socket->session.flags & HC_S_DIVERTED))
			found->rows[kept++] = *socket;
	}
	if (kept)
		qsort(found->rows, kept, sizeof(*found->rows), by_silence);
	stale->count = kept;
	stale->shown = kept < WEB_STALE ? kept : WEB_STALE;
	if (kept)
		memcpy(stale->items, found->rows, stale->shown * sizeof(*stale->items));
}

static void read_stale(struct web_gather *gather, struct web_facts *facts)
{
	__u64 now = clock_monotonic_ns(), used = used_ns();
	struct walk_sockets found = {};
	int error = gather->walk.walk(gather->walk.context, STALE_UNANSWERED, &found);

	if (!error)
		take_stale(&facts->stale, &found, &facts->policy);
	walk_free(&found);
	note_read(&facts->stale_read, now, used_ns() - used, STALE_NS, STALE_PART, error);
}

int web_gather_all(struct web_gather *gather, struct web_facts *facts)
{
	int error = web_gather_counts(gather, facts);

	error = error ?: losses_read(gather->object, facts->losses);
	error = error ?: reload_record_read(gather->object, &facts->reload);
	error = error ?: fleet_record_read(gather->object, &facts->fleet);
	if (error)
		return error;
	facts->stale_known = gather->walk.walk;
	if (facts->now_ns >= facts->users_read.next_ns)
		read_users(gather, facts);
	if (facts->stale_known && facts->now_ns >= facts->stale_read.next_ns)
		read_stale(gather, facts);
	facts->now_ns = clock_monotonic_ns();
	return 0;
}

void web_gather_forget(struct web_gather *gather)
{
	users_caps_free(&gather->caps);
}
