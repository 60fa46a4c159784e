// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>

#include "user/base/clock.h"
#include "user/base/human.h"
#include "user/base/put.h"
#include "user/base/user_name.h"
#include "user/base/words.h"
#include "user/top/draw.h"

#define BAR 12

/* A column of a list. Where the screen is too narrow for all, those of the highest
 * `spare` go first; those of 0 stay. */
struct column {
	const char *heading;
	int width;
	int spare;
	enum top_fit how;
	bool shown;
};

/* Decides which columns are shown. `grows` gets what room is left. */
static void choose_columns(struct column *columns, size_t count, struct column *grows,
			   int width)
{
	int used = 0;

	for (size_t i = 0; i < count; i++) {
		columns[i].shown = true;
		used += 1 + columns[i].width;
	}
	while (used > width) {
		struct column *least = NULL;

		for (size_t i = 0; i < count; i++)
			if (columns[i].shown && columns[i].spare &&
			    (!least || columns[i].spare > least->spare))
				least = &columns[i];
		if (!least)
			break;
		least->shown = false;
		used -= 1 + least->width;
	}
	if (grows->shown && used < width)
		grows->width += width - used;
}

/* One cell of line `y`; where the next one begins. */
static int draw_cell(const struct column *column, int y, int x, const char *text,
		     enum top_look look)
{
	if (!column->shown)
		return x;
	top_put(y, x, column->width, text, column->how, look);
	return x + column->width + 1;
}

/* The first column marks the cursor on terminals without inverse video; the blanks give the
 * whole line one look. */
static void draw_line(int y, int width, bool selected, enum top_look look)
{
	top_put(y, 0, width, selected ? ">" : "", TOP_LEFT, look);
}

static void put_heading(const struct column *columns, size_t count, int y, int from, int width)
{
	int x = from;

	draw_line(y, width, false, TOP_INVERSE);
	for (size_t i = 0; i < count; i++)
		x = draw_cell(&columns[i], y, x, columns[i].heading, TOP_INVERSE);
}

enum user_column { SERVICE, USER, ACTIVE, CAP, LOAD, PEAK, OPENED, REFUSED, USER_COLUMNS };

static void draw_user_row(const struct top *top, const struct column *columns,
			  const struct hc_user *user, int y, int width, bool selected)
{
	enum top_look look = selected ? TOP_INVERSE : TOP_PLAIN, load = look;
	bool capped = user->cap != HC_UNLIMITED;
	char name[HC_USER_TEXT], text[TOP_NUMBER], bar[BAR + 1];
	__u64 numbers[USER_COLUMNS] = {
		[ACTIVE] = hc_user_active(user), [CAP] = user->cap,         [PEAK] = user->peak,
		[OPENED] = user->opened,         [REFUSED] = user->refused,
	};
	int x = 1;

	draw_line(y, width, selected, look);
	x = draw_cell(&columns[SERVICE], y, x, top->policy.services[user->key.service].name,
		      look);
	x = draw_cell(&columns[USER], y, x,
		      user_key_format(&user->key, true, name, sizeof(name)), look);
	if (capped && hc_user_active(user) >= user->cap)
		load = TOP_ALARM;
	else if (capped && hc_user_active(user) >= user->cap * 0.8)
		load = TOP_NEAR;
	for (int i = ACTIVE; i < USER_COLUMNS; i++) {
		const char *shown = text;

		if (i == LOAD)
			shown = top_bar(hc_user_active(user), user->cap, BAR, bar, sizeof(bar));
		else if (i == CAP && !capped)
			shown = "-";
		else
			top_count(numbers[i], columns[i].width, text, sizeof(text));
		x = draw_cell(&columns[i], y, x, shown, i == LOAD ? load : look);
	}
}

void top_draw_users(struct top *top, int y, int height, int width)
{
	struct column columns[USER_COLUMNS] = {
		[SERVICE] = {.heading = "SERVICE", .width = 9, .spare = 4, .how = TOP_MIDDLE},
		[USER] = {.heading = "USER", .width = 15, .how = TOP_MIDDLE},
		[ACTIVE] = {.heading = "ACTIVE", .width = 6, .how = TOP_RIGHT},
		[CAP] = {.heading = "CAP", .width = 6, .spare = 1, .how = TOP_RIGHT},
		[LOAD] = {.heading = "", .width = BAR, .spare = 3, .how = TOP_LEFT},
		[PEAK] = {.heading = "PEAK", .width = 6, .spare = 6, .how = TOP_RIGHT},
		[OPENED] = {.heading = "OPENED", .width = 8, .spare = 5, .how = TOP_RIGHT},
		[REFUSED] = {.heading = "REFUSED", .width = 8, .spare = 2, .how = TOP_RIGHT},
	};
	const struct top_list *list = &top->users.list;
	const struct hc_user *user;
	char name[HC_USER_TEXT];

	/* A whole IPv6 prefix matters more than PEAK. */
	for (int i = 0; i < height && (user = top_users_at(&top->users, list->first + i));
	     i++) {
		int length = top_columns(user_key_format(&user->key, true, name, sizeof(name)));

		length = length < 24 ? length : 24;
		if (length > columns[USER].width)
			columns[USER].width = length;
	}
	choose_columns(columns, USER_COLUMNS, &columns[USER], width - 1);
	put_heading(columns, USER_COLUMNS, y++, 1, width);
	for (int i = 0; i < height && (user = top_users_at(&top->users, list->first + i)); i++)
		draw_user_row(top, columns, user, y + i, width,
			      list->first + i == list->cursor);
}

#define CELL 64 /* bytes of a session's cell: an end's or a process's, or fewer */

enum session_column {
	REMOTE,
	AGE,
	IDLE,
	HEARD,
	QUEUE,
	UNANSWERED,
	HALF_CLOSED,
	IN,
	OUT,
	RTT,
	STATE,
	PROCESS,
	LOCAL,
	SESSION_COLUMNS
};

static void draw_session_row(const struct column *columns, const struct top_session *item,
			     __u64 now_ns, int y, int width, bool selected)
{
	const struct hc_session *session = &item->session;
	char cells[SESSION_COLUMNS][CELL];
	enum top_look look = selected ? TOP_INVERSE : item->marked ? TOP_BOLD : TOP_PLAIN;
	int x = 2;

	end_format(session->ends.remote, session->ends.remote_port, cells[REMOTE]);
	end_format(session->ends.local, session->ends.local_port, cells[LOCAL]);
	top_process(item, cells[PROCESS]);
	for (int i = AGE; i <= STATE; i++)
		strcpy(cells[i], "-");
	if (!(session->flags & HC_F_FOUND))
		/* It may have been opened while we read. */
		human_duration(now_ns > session->opened_ns
				       ? (now_ns - session->opened_ns) / NS_PER_SECOND
				       : 0,
			       cells[AGE]);
	if (item->has_socket) {
		human_duration(item->idle_ms / 1000, cells[IDLE]);
		if (item->heard)
			human_duration(item->heard_ms / 1000, cells[HEARD]);
		human_bytes(item->send_queue, cells[QUEUE]);
		snprintf(cells[UNANSWERED], CELL, "%u", item->unanswered);
		if (item->half_closed)
			human_duration(item->half_closed_ms / 1000, cells[HALF_CLOSED]);
		human_bytes(item->rx_bytes, cells[IN]);
		human_bytes(item->tx_bytes, cells[OUT]);
		human_rtt(item->srtt_us, cells[RTT]);
		snprintf(cells[STATE], CELL, "%s", word_of_state(item->state));
	}
	draw_line(y, width, selected, look);
	if (item->marked)
		top_put(y, 1, 1, "*", TOP_LEFT, look);
	for (int i = 0; i < SESSION_COLUMNS; i++)
		x = draw_cell(&columns[i], y, x, cells[i], look);
}

void top_draw_sessions(struct top *top, int y, int height, int width)
{
	struct column columns[SESSION_COLUMNS] = {
		[REMOTE] = {.heading = "CLIENT", .width = 21, .how = TOP_MIDDLE},
		[AGE] = {.heading = "AGE", .width = 6, .spare = 2, .how = TOP_RIGHT},
		[IDLE] = {.heading = "IDLE", .width = 6, .spare = 1, .how = TOP_RIGHT},
		[HEARD] = {.heading = "HEARD", .width = 6, .spare = 3, .how = TOP_RIGHT},
		[QUEUE] = {.heading = "QUEUE", .width = 5, .spare = 8, .how = TOP_RIGHT},
		[UNANSWERED] = {.heading = "UNANS", .width = 5, .spare = 9, .how = TOP_RIGHT},
		[HALF_CLOSED] = {.heading = "HALF", .width = 6, .spare = 10, .how = TOP_RIGHT},
		[IN] = {.heading = "IN", .width = 5, .spare = 5, .how = TOP_RIGHT},
		[OUT] = {.heading = "OUT", .width = 5, .spare = 6, .how = TOP_RIGHT},
		[RTT] = {.heading = "RTT", .width = 7, .spare = 11, .how = TOP_RIGHT},
		[STATE] = {.heading = "STATE", .width = 10, .spare = 7, .how = TOP_LEFT},
		[PROCESS] = {.heading = "PROCESS", .width = 10, .spare = 4, .how = TOP_MIDDLE},
		[LOCAL] = {.heading = "LOCAL", .width = 21, .spare = 12, .how = TOP_MIDDLE},
	};
	const struct top_list *list = &top->sessions.list;
	const struct top_session *item;
	__u64 now_ns = top->read_ns;
	char end[END_TEXT];

	if (top->sessions.user.service == HC_OUTBOUND_SERVICE)
		columns[REMOTE].heading = "REMOTE";
	for (int i = 0; i < height && (item = top_sessions_at(&top->sessions, list->first + i));
	     i++) {
		int length = top_columns(end_format(item->session.ends.remote,
						    item->session.ends.remote_port, end));

		if (length > columns[REMOTE].width)
			columns[REMOTE].width = length;
	}
	choose_columns(columns, SESSION_COLUMNS, &columns[PROCESS], width - 2);
	put_heading(columns, SESSION_COLUMNS, y++, 2, width);
	for (int i = 0; i < height && (item = top_sessions_at(&top->sessions, list->first + i));
	     i++)
		draw_session_row(columns, item, now_ns, y + i, width,
				 list->first + i == list->cursor);
}
