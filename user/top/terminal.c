// SPDX-License-Identifier: GPL-2.0-only
#include <curses.h>
#include <stdlib.h>

#include "user/base/log.h"
#include "user/top/draw.h"

static SCREEN *screen;
static bool coloured;

int top_terminal_open(void)
{
	const char *move;

	screen = newterm(NULL, stdout, stdin);
	if (!screen)
		return hc_error("the terminal's type \"%s\" is not known (TERM)",
				getenv("TERM") ?: "");
	move = tigetstr("cup");
	if (!move || move == (char *)-1) {
		top_terminal_close();
		return hc_error("a terminal of type \"%s\" cannot move its cursor (TERM)",
				getenv("TERM"));
	}
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(25);
	curs_set(0);
	coloured = has_colors() && !getenv("NO_COLOR") && start_color() == OK;
	if (coloured) {
		use_default_colors();
		init_pair(TOP_ALARM, COLOR_RED, -1);
		init_pair(TOP_NEAR, COLOR_YELLOW, -1);
	}
	return 0;
}

void top_terminal_close(void)
{
	if (!screen)
		return;
	/* Where there is no second screen, what comes next is written on our last line. */
	move(LINES - 1, 0);
	clrtoeol();
	refresh();
	endwin();
	delscreen(screen);
	screen = NULL;
}

static attr_t attributes(enum top_look look)
{
	static const attr_t plain[] = {
		[TOP_BOLD] = A_BOLD,
		[TOP_INVERSE] = A_REVERSE,
		[TOP_ALARM] = A_REVERSE | A_BOLD,
		[TOP_NEAR] = A_BOLD,
	};
	bool paired = look == TOP_ALARM || look == TOP_NEAR;

	return plain[look] | (coloured && paired ? COLOR_PAIR(look) : 0);
}

void top_put(int y, int x, int columns, const char *text, enum top_fit how, enum top_look look)
{
	wchar_t wide[TOP_WIDEST + 1];

	if (columns > TOP_WIDEST)
		columns = TOP_WIDEST;
	if (x + columns > COLS)
		columns = COLS - x;
	if (columns <= 0 || y < 0 || y >= LINES)
		return;
	top_fit(wide, text, columns, how);
	attrset(attributes(look));
	mvaddwstr(y, x, wide);
	attrset(A_NORMAL);
}
