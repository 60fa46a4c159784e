// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/log.h"
#include "user/base/put.h"
#include "user/base/ticks.h"
#include "user/base/user_name.h"
#include "user/top/model.h"

char *top_process(const struct top_session *item, char *text)
{
	const struct hc_session *session = &item->session;

	if (item->holders > 1)
		snprintf(text, TOP_PROCESS, "%.*s/%u+%zu", HC_COMM_MAX, item->holder.comm,
			 item->holder.pid, item->holders - 1);
	else if (item->holders)
		snprintf(text, TOP_PROCESS, "%.*s/%u", HC_COMM_MAX, item->holder.comm,
			 item->holder.pid);
	else if (item->orphan)
		snprintf(text, TOP_PROCESS, "(orphan)");
	else if (session->pid)
		snprintf(text, TOP_PROCESS, "%.*s/%u", HC_COMM_MAX, session->comm,
			 session->pid);
	else
		snprintf(text, TOP_PROCESS, "%.*s", HC_COMM_MAX, session->comm);
	return text;
}

void top_sessions_begin(struct top_sessions *sessions)
{
	sessions->count = 0;
	sessions->failed = false;
}

static bool is_marked(const struct top_sessions *sessions, __u64 id)
{
	for (size_t i = 0; i < sessions->marked_count; i++)
		if (sessions->marked[i] == id)
			return true;
	return false;
}

/* Of those that are gone no mark stays. */
static int collect_marks(struct top_sessions *sessions)
{
	__u64 *marked = reallocarray(sessions->marked, sessions->count + 1, sizeof(*marked));

	sessions->marked_count = 0;
	if (!marked)
		return -ENOMEM;
	sessions->marked = marked;
	for (size_t i = 0; i < sessions->count; i++)
		if (sessions->items[i].marked)
			marked[sessions->marked_count++] = sessions->items[i].id;
	return 0;
}

void top_sessions_mark(struct top_sessions *sessions)
{
	struct top_list *list = &sessions->list;
	struct top_session *item;

	if (list->cursor >= list->count)
		return;
	item = &sessions->items[list->shown[list->cursor]];
	item->marked = !item->marked;
	collect_marks(sessions);
}

static void fill_socket(struct top_session *item, const struct hc_socket *socket)
{
	item->has_socket = true;
	item->orphan = socket->orphan;
	item->state = socket->state;
	item->srtt_us = socket->srtt_us;
	item->idle_ms = session_idle_ms(socket);
	item->heard = session_heard_ms(socket, &item->heard_ms);
	item->half_closed = ticks_half_closed_ms(socket->half_closed, &item->half_closed_ms);
	item->send_queue = socket->peer.send_queue;
	item->unanswered = socket->peer.unanswered;
	item->rx_bytes = socket->rx_bytes;
	item->tx_bytes = socket->tx_bytes;
}

void top_sessions_offer(struct top_sessions *sessions, const struct session_row *row,
			const struct holders *holders)
{
	const struct hc_holder *holder;
	struct hc_user_key user = row->session->user;
	struct top_session *grown, *item;

	user.elsewhere = sessions->user.elsewhere;
	if (sessions->failed || memcmp(&user, &sessions->user, sizeof(user)))
		return;
	if (sessions->count == sessions->room) {
		size_t room = 2 * sessions->room + 64;

		grown = reallocarray(sessions->items, room, sizeof(*grown));
		sessions->failed = !grown;
		if (!grown)
			return;
		sessions->items = grown;
		sessions->room = room;
	}
	item = &sessions->items[sessions->count++];
	*item = (struct top_session){.id = row->id, .session = *row->session};
	item->marked = is_marked(sessions, row->id);
	holder = holders_of(holders, row->id, &item->holders);
	if (holder)
		item->holder = *holder;
	if (row->socket)
		fill_socket(item, row->socket);
}

static bool session_wanted(const struct top_sessions *sessions, const struct top_session *item)
{
	const struct hc_ends *ends = &item->session.ends;
	char end[END_TEXT], process[TOP_PROCESS];

	return !*sessions->list.filter ||
	       strcasestr(end_format(ends->remote, ends->remote_port, end),
			  sessions->list.filter) ||
	       strcasestr(end_format(ends->local, ends->local_port, end),
			  sessions->list.filter) ||
	       strcasestr(top_process(item, process), sessions->list.filter);
}

const struct top_session *top_sessions_at(const struct top_sessions *sessions, size_t place)
{
	return place < sessions->list.count ? &sessions->items[sessions->list.shown[place]]
					    : NULL;
}

void top_sessions_select(struct top_sessions *sessions)
{
	const struct top_session *item = top_sessions_at(sessions, sessions->list.cursor);

	sessions->selected = item ? item->id : 0;
}

/* Largest first; of the older one `opened_ns` is the smaller number. Idle in seconds, as
 * shown: finer, sessions that are idle alike would change places with each reading. */
static __u64 rank_session(const struct top_session *item, unsigned int order)
{
	switch (order) {
	case TOP_BY_AGE:
		return ~item->session.opened_ns;
	case TOP_BY_BYTES:
		return item->rx_bytes + item->tx_bytes;
	default:
		return item->idle_ms / 1000;
	}
}

static int compare_items(const void *left, const void *right, void *context)
{
	const struct top_sessions *sessions = context;
	const struct top_session *a = &sessions->items[*(const __u32 *)left];
	const struct top_session *b = &sessions->items[*(const __u32 *)right];
	__u64 of_a = rank_session(a, sessions->list.order),
	      of_b = rank_session(b, sessions->list.order);

	if (of_a != of_b)
		return of_a < of_b ? 1 : -1;
	return a->id < b->id ? -1 : a->id > b->id;
}

int top_sessions_arrange(struct top_sessions *sessions)
{
	struct top_list *list = &sessions->list;
	__u32 *shown = reallocarray(list->shown, sessions->count + 1, sizeof(*shown));
	size_t place;

	list->count = 0;
	if (shown)
		list->shown = shown;
	if (!shown || sessions->failed || collect_marks(sessions))
		return hc_error_errno(ENOMEM, "cannot show the sessions");
	for (size_t i = 0; i < sessions->count; i++)
		if (session_wanted(sessions, &sessions->items[i]))
			shown[list->count++] = i;
	qsort_r(shown, list->count, sizeof(*shown), compare_items, sessions);
	for (place = 0; place < list->count; place++)
		if (sessions->items[shown[place]].id == sessions->selected)
			break;
	top_list_follow(list, place);
	top_sessions_select(sessions);
	return 0;
}

void top_sessions_free(struct top_sessions *sessions)
{
	free(sessions->items);
	free(sessions->list.shown);
	free(sessions->marked);
	memset(sessions, 0, sizeof(*sessions));
}
