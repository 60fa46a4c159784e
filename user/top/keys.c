// SPDX-License-Identifier: GPL-2.0-only
#include <curses.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include "user/top/top.h"

#define CTRL(letter) ((letter) - '@')
#define ESCAPE       27
#define DELETE       127

const char *const top_users_orders[] = {"active", "refused", "opened"};
const char *const top_sessions_orders[] = {"idle", "age", "bytes"};

const char *const top_help[] = {
	"Up p, Down n    move (also Ctrl-P, Ctrl-N)",
	"PgUp b, PgDn f  a screen up, down",
	"Home g, End G   first, last",
	"Enter           the user's sessions",
	"Esc, Backspace  remove the filter, or back",
	"s               sort by the next column",
	"/               show only rows with a text",
	"t, Insert       mark or unmark the session",
	"k               close marked or selected, after asking",
	"K               close all of the user, after asking",
	"Space           pause, resume",
	"Ctrl-L          refresh and redraw",
	"q               back, quit",
	NULL,
};

static void __attribute__((format(printf, 2, 3)))
say_message(struct top *top, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(top->message, sizeof(top->message), format, args);
	va_end(args);
}

static void arrange(struct top *top)
{
	int error = top->view == TOP_USERS ? top_users_arrange(&top->users, &top->policy)
					   : top_sessions_arrange(&top->sessions);

	if (error)
		say_message(top, "%s", top_heard());
}

static void move_by(struct top *top, long by)
{
	top_list_move(top_list(top), by);
	if (top->view == TOP_USERS)
		top_users_select(&top->users);
	else
		top_sessions_select(&top->sessions);
}

static void show_sessions(struct top *top)
{
	const struct hc_user *user = top_users_at(&top->users, top->users.list.cursor);

	if (top->view != TOP_USERS || !user)
		return;
	/* Coming back, the cursor is to be on the same user. */
	top->users.list.pinned = true;
	top_sessions_free(&top->sessions);
	top->sessions.user = user->key;
	top->view = TOP_SESSIONS;
	top->stale = true;
}

static void go_back(struct top *top)
{
	struct top_list *list = top_list(top);

	if (*list->filter) {
		*list->filter = '\0';
		arrange(top);
	} else if (top->view == TOP_SESSIONS) {
		top->view = TOP_USERS;
	}
}

static void next_order(struct top *top)
{
	struct top_list *list = top_list(top);

	list->order++;
	list->order %=
		top->view == TOP_USERS ? (int)TOP_USERS_ORDERS : (int)TOP_SESSIONS_ORDERS;
	arrange(top);
}

static void ask_to_close(struct top *top)
{
	if (top->view == TOP_USERS)
		say_message(top,
			    "k closes a session: Enter shows the user's; K closes them all");
	else
		top_ask_sessions(top);
}

/* And on to the next, so that neighbours are quickly chosen. */
static void mark_session(struct top *top)
{
	if (top->view == TOP_USERS)
		return say_message(top, "t marks a session: Enter shows the user's");
	top_sessions_mark(&top->sessions);
	move_by(top, 1);
}

/* A key while a filter is written: it holds at once. */
static void type(struct top *top, unsigned int key, bool special)
{
	struct top_list *list = top_list(top);
	size_t length = strlen(list->filter);
	char bytes[MB_CUR_MAX];
	mbstate_t state = {};
	size_t size;

	if (key == '\r' || key == '\n' || (special && key == KEY_ENTER)) {
		top->mode = TOP_BROWSING;
		/* What was found is kept when the others come back. */
		list->pinned |= *list->filter && list->count;
	} else if (!special && key == ESCAPE) {
		*list->filter = '\0';
		top->mode = TOP_BROWSING;
	} else if (special ? key == KEY_BACKSPACE : key == DELETE || key == CTRL('H')) {
		while (length && (list->filter[--length] & 0xc0) == 0x80)
			;
		list->filter[length] = '\0';
	} else if (!special && key == CTRL('U')) {
		*list->filter = '\0';
	} else if (!special && wcwidth(key) > 0) {
		size = wcrtomb(bytes, key, &state);
		if (size != (size_t)-1 && length + size < sizeof(list->filter)) {
			memcpy(list->filter + length, bytes, size);
			list->filter[length + size] = '\0';
		}
	}
	arrange(top);
}

static void browse_special(struct top *top, unsigned int key)
{
	long page = top->height > 1 ? top->height - 1 : 1;

	switch (key) {
	case KEY_UP:
		return move_by(top, -1);
	case KEY_DOWN:
		return move_by(top, 1);
	case KEY_PPAGE:
		return move_by(top, -page);
	case KEY_NPAGE:
		return move_by(top, page);
	case KEY_HOME:
		return move_by(top, -(long)top_list(top)->count);
	case KEY_END:
		return move_by(top, top_list(top)->count);
	case KEY_ENTER:
		return show_sessions(top);
	case KEY_IC:
		return mark_session(top);
	case KEY_BACKSPACE:
		go_back(top);
	}
}

/* Letters for those that are special. */
static unsigned int special_of(unsigned int key)
{
	static const struct {
		char letter;
		short special;
	} letters[] = {
		{'p', KEY_UP},           {CTRL('P'), KEY_UP},     {'n', KEY_DOWN},
		{CTRL('N'), KEY_DOWN},   {'b', KEY_PPAGE},        {'f', KEY_NPAGE},
		{'g', KEY_HOME},         {'G', KEY_END},          {'\r', KEY_ENTER},
		{'\n', KEY_ENTER},       {DELETE, KEY_BACKSPACE}, {CTRL('H'), KEY_BACKSPACE},
		{ESCAPE, KEY_BACKSPACE},
	};

	for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
		if ((unsigned int)letters[i].letter == key)
			return letters[i].special;
	return 0;
}

static bool browse(struct top *top, unsigned int key)
{
	switch (key) {
	case 'q':
		if (top->view == TOP_USERS)
			return false;
		top->view = TOP_USERS;
		break;
	case 's':
		next_order(top);
		break;
	case '/':
		top->mode = TOP_TYPING;
		break;
	case 'k':
		ask_to_close(top);
		break;
	case 'K':
		top_ask_user(top);
		break;
	case 't':
		mark_session(top);
		break;
	case '?':
		top->mode = TOP_HELP;
		break;
	case ' ':
		top->paused = !top->paused;
		break;
	case CTRL('L'):
		clearok(curscr, TRUE);
		top->stale = true;
		break;
	default:
		browse_special(top, special_of(key));
	}
	return true;
}

bool top_key(struct top *top, unsigned int key, bool special)
{
	if (special && key == KEY_RESIZE)
		return true;
	*top->message = '\0';
	switch (top->mode) {
	case TOP_HELP:
		top->mode = TOP_BROWSING;
		return true;
	case TOP_ASKING:
		top->mode = TOP_BROWSING;
		if (!special && (key == 'y' || key == 'Y'))
			top_close_asked(top);
		return true;
	case TOP_TYPING:
		type(top, key, special);
		return true;
	default:
		if (!special)
			return browse(top, key);
		browse_special(top, key);
		return true;
	}
}
