/* SPDX-License-Identifier: GPL-2.0-only */
/* Cells of the screen: texts and numbers made to fit a given width. Pure. */
#ifndef HEADCOUNT_TOP_TEXT_H
#define HEADCOUNT_TOP_TEXT_H

#include <stddef.h>
#include <wchar.h>

#include <linux/types.h>

enum top_fit {
	TOP_LEFT,   /* cut at the end */
	TOP_RIGHT,  /* the same, right-aligned */
	TOP_MIDDLE, /* left-aligned, cut in the middle: both ends of an address tell something
		     */
};

/*
 * `text` as characters that fill exactly `columns` columns of the terminal, with
 * blanks or a cut that a ~ marks. Control bytes, what is no text in this locale and
 * what has no width of its own become \xNN, so that nothing else can steer the
 * terminal. `out` holds columns + 1.
 */
void top_fit(wchar_t *out, const char *text, int columns, enum top_fit how);

/* How many columns all of it takes. */
int top_columns(const char *text);

/* Each writes at most `size` bytes and returns `text`. */
#define TOP_NUMBER 24
/* "1234567", or where `width` is too small for it "1234k". */
char *top_count(__u64 number, int width, char *text, size_t size);
char *top_rate(double rate, char *text, size_t size); /* "0.4/s", "1234/s" */

/* "[###.......]" of `width` columns; "[ AT CAP  ]" at the cap, in words. Nothing for a
 * user without one. */
char *top_bar(__u32 active, __u32 cap, int width, char *text, size_t size);

#endif
