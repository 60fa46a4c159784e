/* SPDX-License-Identifier: GPL-2.0-only */
/* Drawing on the screen: terminal.c is used by columns.c, and that by screen.c. */
#ifndef HEADCOUNT_TOP_DRAW_H
#define HEADCOUNT_TOP_DRAW_H

#include "user/top/text.h"
#include "user/top/top.h"

#define TOP_WIDEST 1024 /* columns of a terminal that are used */

enum top_look {
	TOP_PLAIN,
	TOP_BOLD,
	TOP_INVERSE,
	TOP_ALARM, /* red where there is colour, bold too where there is none */
	TOP_NEAR,  /* yellow */
};

/* A text in exactly `columns` columns from `x` on, as far as the screen goes. */
void top_put(int y, int x, int columns, const char *text, enum top_fit how, enum top_look look);

/* The heading of the list and its rows, from line `y` on, `height` of them. */
void top_draw_users(struct top *top, int y, int height, int width);
void top_draw_sessions(struct top *top, int y, int height, int width);

#endif
