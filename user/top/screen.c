// SPDX-License-Identifier: GPL-2.0-only
#include <curses.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "user/base/clock.h"
#include "user/base/human.h"
#include "user/base/put.h"
#include "user/base/user_name.h"
#include "user/kernel/losses.h"
#include "user/top/draw.h"

/* Appends to a line; what does not fit is cut. */
static void __attribute__((format(printf, 2, 3))) say(char *line, const char *format, ...)
{
	size_t length = strlen(line);
	va_list args;

	va_start(args, format);
	vsnprintf(line + length, TOP_LINE - length, format, args);
	va_end(args);
}

/* Who enforces, of what, and how old that is. */
static void draw_state(const struct top *top)
{
	char line[TOP_LINE] = "headcount: ", age[TOP_NUMBER];
	__u64 old = (clock_monotonic_ns() - top->read_ns) / NS_PER_SECOND;

	if (top->pid)
		say(line, "running, pid %d%s", top->pid, top->pinned ? ", pinned" : "");
	else
		say(line, "%s", top->pinned ? "pinned, no run" : "not running");
	if (top->service)
		say(line, "; service %s", top->service);
	else
		say(line, "; %zu services", top->services);
	if (top->paused)
		say(line, "; PAUSED");
	if (old > top->seconds || top->paused)
		say(line, "; data of %s ago", human_duration(old, age));
	else
		say(line, "; every %us", top->seconds);
	top_put(0, 0, COLS, line, TOP_LEFT, TOP_BOLD);
}

/* In one line, or in two where one is too short and there are enough. Where the next is. */
static int draw_totals(const struct top *top, int y)
{
	const struct top_rates *rates = &top->rates;
	char line[TOP_LINE] = "", fast[TOP_LINE] = "", text[TOP_NUMBER];

	say(line, "%llu sessions, %zu users, %zu at cap", top->users.active, top->users.count,
	    top->users.at_cap);
	if (rates->known) {
		say(fast, "opened %s", top_rate(rates->opened, text, sizeof(text)));
		say(fast, ", closed %s", top_rate(rates->closed, text, sizeof(text)));
		say(fast, ", refused %s", top_rate(rates->refused, text, sizeof(text)));
	}
	if ((int)(strlen(line) + strlen("; ") + strlen(fast)) > COLS && LINES >= 16)
		top_put(y + 1, 0, COLS, fast, TOP_LEFT, TOP_PLAIN);
	else if (*fast)
		say(line, "; %s", fast);
	top_put(y, 0, COLS, line, TOP_LEFT, TOP_PLAIN);
	return strstr(line, fast) ? y + 1 : y + 2;
}

static bool draw_losses(const struct top *top, int y)
{
	char line[TOP_LINE] = "losses:";

	for (int i = 0; i < HC_LOSS_COUNT; i++)
		if (top->losses[i])
			say(line, " %s %llu", loss_rows[i].word, top->losses[i]);
	if (!strchr(line, ' '))
		return false;
	top_put(y, 0, COLS, line, TOP_LEFT, TOP_NEAR);
	return true;
}

/* Whose sessions these are. */
static void draw_user(const struct top *top, int y)
{
	const struct hc_user *user = top_users_at(&top->users, top->users.list.cursor);
	const struct hc_user_key *key = &top->sessions.user;
	char line[TOP_LINE] = "", name[HC_USER_TEXT];

	say(line, "%s %.400s: %zu sessions", top->policy.services[key->service].name,
	    user_key_format(key, true, name, sizeof(name)), top->sessions.count);
	if (user && !memcmp(&user->key, key, sizeof(*key))) {
		if (user->cap != HC_UNLIMITED)
			say(line, ", cap %u", user->cap);
		say(line, ", peak %u, opened %llu, refused %llu", user->peak, user->opened,
		    user->refused);
	}
	top_put(y, 0, COLS, line, TOP_LEFT, TOP_BOLD);
}

static void draw_footer(struct top *top)
{
	const struct top_list *list = top_list(top);
	const char *order = top->view == TOP_USERS ? top_users_orders[list->order]
						   : top_sessions_orders[list->order];
	size_t all = top->view == TOP_USERS ? top->users.count : top->sessions.count;
	char line[TOP_LINE] = "";

	curs_set(0);
	if (top->mode == TOP_TYPING) {
		say(line, "/%s", list->filter);
		top_put(LINES - 1, 0, COLS, line, TOP_LEFT, TOP_BOLD);
		curs_set(1);
		move(LINES - 1, top_columns(line) < COLS ? top_columns(line) : COLS - 1);
		return;
	}
	if (*top->message) {
		top_put(LINES - 1, 0, COLS, top->message, TOP_LEFT, TOP_BOLD);
		return;
	}
	say(line, "by %s", order);
	if (*list->filter)
		say(line, ", with \"%s\": %zu of %zu", list->filter, list->count, all);
	if (top->view == TOP_SESSIONS && top->sessions.marked_count)
		say(line, ", %zu marked", top->sessions.marked_count);
	say(line, "  ? help  s sort  / filter  %s",
	    top->view == TOP_USERS ? "Enter sessions  q quit" : "t mark  k close  q back");
	top_put(LINES - 1, 0, COLS, line, TOP_LEFT, TOP_PLAIN);
}

/* Lines in a frame, as many as the screen has room for. */
static void draw_box(const char *const *lines, int count)
{
	char edge[TOP_WIDEST] = "+";
	int width = 0, height, x, y;

	for (int i = 0; i < count; i++)
		if (width < top_columns(lines[i]) + 4)
			width = top_columns(lines[i]) + 4;
	width = width < COLS ? width : COLS;
	width = width < TOP_WIDEST - 1 ? width : TOP_WIDEST - 1;
	height = count + 2 < LINES ? count + 2 : LINES;
	x = (COLS - width) / 2;
	y = (LINES - height) / 2;
	if (width < 4 || height < 3)
		return;
	memset(edge + 1, '-', width - 2);
	edge[width - 1] = '+';
	top_put(y, x, width, edge, TOP_LEFT, TOP_PLAIN);
	for (int i = 1; i < height - 1; i++) {
		top_put(y + i, x, width, "|", TOP_LEFT, TOP_PLAIN);
		top_put(y + i, x + 2, width - 4, lines[i - 1], TOP_LEFT, TOP_PLAIN);
		top_put(y + i, x + width - 1, 1, "|", TOP_LEFT, TOP_PLAIN);
	}
	top_put(y + height - 1, x, width, edge, TOP_LEFT, TOP_PLAIN);
}

/* Several, or all of a user: how many, and whose. */
static void draw_many(const struct top *top)
{
	const struct top_asked *asked = &top->asked;
	char what[TOP_LINE], whose[TOP_LINE], name[HC_USER_TEXT];
	const char *lines[] = {what, "", whose};

	if (asked->ids)
		snprintf(what, sizeof(what), "Close these %zu sessions? y/N", asked->count);
	else
		snprintf(what, sizeof(what), "Close all sessions of this user, now %zu? y/N",
			 asked->count);
	snprintf(whose, sizeof(whose), "of %s, %.400s", asked->service,
		 user_key_format(&asked->user, true, name, sizeof(name)));
	draw_box(lines, sizeof(lines) / sizeof(lines[0]));
}

static void draw_one(const struct top *top)
{
	const struct top_session *item = &top->asked.first;
	const struct hc_session *session = &item->session;
	char whose[TOP_LINE], ends[TOP_LINE], what[TOP_LINE], name[HC_USER_TEXT];
	char local[END_TEXT], remote[END_TEXT], process[TOP_PROCESS];
	char age[TOP_NUMBER] = "unknown", idle[TOP_NUMBER] = "unknown";
	const char *lines[] = {"Close this session? y/N", "", whose, ends, what};

	snprintf(whose, sizeof(whose), "%llu, %s, of %s, %.400s", item->id,
		 session->direction == HC_INBOUND ? "inbound" : "outbound", top->asked.service,
		 user_key_format(&session->user, true, name, sizeof(name)));
	end_format(session->ends.remote, session->ends.remote_port, remote);
	end_format(session->ends.local, session->ends.local_port, local);
	snprintf(ends, sizeof(ends), "%s %s %s", remote,
		 session->direction == HC_INBOUND ? "->" : "<-", local);
	if (!(session->flags & HC_F_FOUND))
		human_duration((clock_monotonic_ns() - session->opened_ns) / NS_PER_SECOND,
			       age);
	if (item->has_socket)
		human_duration(item->idle_ms / 1000, idle);
	snprintf(what, sizeof(what), "%s, age %s, idle %s", top_process(item, process), age,
		 idle);
	draw_box(lines, sizeof(lines) / sizeof(lines[0]));
}

void top_screen_draw(struct top *top)
{
	struct top_list *list = top_list(top);
	int helps = 0;
	int y = 0, rows;

	erase();
	/* The list comes first where there is little room. */
	if (LINES >= 8) {
		draw_state(top);
		y = draw_totals(top, 1);
		y += draw_losses(top, y);
	}
	if (*top->trouble)
		top_put(y++, 0, COLS, top->trouble, TOP_LEFT, TOP_ALARM);
	if (top->view == TOP_SESSIONS)
		draw_user(top, y++);
	rows = LINES - y - 2;
	top->height = rows > 0 ? rows : 0;
	top_list_scroll(list, top->height);
	if (top->view == TOP_USERS)
		top_draw_users(top, y, top->height, COLS);
	else
		top_draw_sessions(top, y, top->height, COLS);
	draw_footer(top);
	while (top_help[helps])
		helps++;
	if (top->mode == TOP_HELP)
		draw_box(top_help, helps);
	if (top->mode == TOP_ASKING && top->asked.ids && top->asked.count == 1)
		draw_one(top);
	else if (top->mode == TOP_ASKING)
		draw_many(top);
	refresh();
}
