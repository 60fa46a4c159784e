// SPDX-License-Identifier: GPL-2.0-only
/* Closing sessions at a key: which are asked about, and what became of them. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/log.h"
#include "user/sessions/kill.h"
#include "user/top/top.h"

void top_forget_asked(struct top *top)
{
	free(top->asked.ids);
	memset(&top->asked, 0, sizeof(top->asked));
}

static void ask_about(struct top *top, const struct hc_user_key *user, size_t count)
{
	top->asked.user = *user;
	top->asked.count = count;
	memcpy(top->asked.service, top->policy.services[user->service].name, HC_NAME_MAX);
	top->mode = TOP_ASKING;
}

void top_ask_sessions(struct top *top)
{
	struct top_sessions *sessions = &top->sessions;
	const struct top_session *item = top_sessions_at(sessions, sessions->list.cursor);
	size_t count = sessions->marked_count ?: !!item;

	top_forget_asked(top);
	top->asked.ids = count ? calloc(count, sizeof(*top->asked.ids)) : NULL;
	if (!top->asked.ids)
		return;
	if (sessions->marked_count)
		memcpy(top->asked.ids, sessions->marked, count * sizeof(*top->asked.ids));
	else
		*top->asked.ids = item->id;
	for (size_t i = 0; i < sessions->count; i++)
		if (sessions->items[i].id == *top->asked.ids)
			top->asked.first = sessions->items[i];
	ask_about(top, &sessions->user, count);
}

void top_ask_user(struct top *top)
{
	const struct hc_user *user = top_users_at(&top->users, top->users.list.cursor);

	top_forget_asked(top);
	if (top->view == TOP_SESSIONS)
		ask_about(top, &top->sessions.user, top->sessions.count);
	else if (user)
		ask_about(top, &user->key, hc_user_active(user));
}

/* Through the maps of now: headcount may have been started anew since. */
static int close_chosen(struct top *top, struct session_filter *filter,
			struct kill_result *result)
{
	__u16 service = top->asked.user.service;
	struct session_list list = {};
	int error = top_read(top);

	if (!error && memcmp(top->asked.service, top->policy.services[service].name,
			     sizeof(top->asked.service)))
		error = hc_error("the service %s is gone", top->asked.service);
	error = error ?: session_list_read(top->object, filter, &list);
	error = error ?: kill_sessions(top->object, &list, result);
	session_list_free(&list);
	return error;
}

static void __attribute__((format(printf, 2, 3)))
add_message(struct top *top, const char *format, ...)
{
	size_t length = strlen(top->message);
	va_list args;

	va_start(args, format);
	vsnprintf(top->message + length, sizeof(top->message) - length, format, args);
	va_end(args);
}

static void tell_result(struct top *top, const struct kill_result *result)
{
	size_t count = top->asked.ids ? top->asked.count : result->matched;
	size_t gone = count - result->closed - result->failed;

	if (count == 1 && top->asked.ids && !result->failed)
		return add_message(top, "session %llu %s", *top->asked.ids,
				   result->closed ? "is closed" : "had ended by itself");
	add_message(top, "closed %zu of %zu session%s", result->closed, count,
		    count == 1 ? "" : "s");
	if (gone)
		add_message(top, "; %zu had ended by then", gone);
	for (int i = 0; i < KILL_FAILURES; i++)
		if (result->failures[i])
			add_message(top, "; %zu not: %s", result->failures[i],
				    kill_failure_text(i));
}

void top_close_asked(struct top *top)
{
	struct session_filter filter = {.service = -1};
	struct kill_result result = {};

	if (top->asked.ids) {
		session_filter_ids(&filter, top->asked.ids, top->asked.count);
	} else {
		filter.service = top->asked.user.service;
		filter.user = ""; /* whose key is known: */
		filter.known[filter.service] = true;
		filter.users[filter.service] = top->asked.user;
	}
	if (close_chosen(top, &filter, &result))
		add_message(top, "not closed: %s", top->object ? top_heard() : top->trouble);
	else
		tell_result(top, &result);
	top->stale = true;
	free(result.rows);
	top_forget_asked(top);
}
