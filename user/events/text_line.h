/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A line of text in columns that have a fixed place. On a terminal no line is longer
 * than it is wide: the wider, the more columns, and a cell too long for its column is
 * cut. Elsewhere all columns are shown, and such a cell pushes the next ones aside,
 * until shorter cells have made up for it.
 */
#ifndef HEADCOUNT_TEXT_LINE_H
#define HEADCOUNT_TEXT_LINE_H

#include "user/events/print.h"

#define LINE_COLUMNS 16

/* A line being written: where to write, how many characters it has, and where
 * the next column begins. */
struct line {
	char *p;
	size_t used;
	size_t place;
	size_t next;
	unsigned int terminal;              /* its width; 0: none */
	unsigned char widths[LINE_COLUMNS]; /* of the columns; 0: not shown */
};

/* Reserves room for `room` bytes; false if memory is short. */
bool line_begin(struct line *line, struct print_buffer *out,
		const struct print_context *context, size_t room);
void line_end(struct line *line, struct print_buffer *out);

/* The headings of all columns. */
void line_header(struct line *line);

/* The next column's cell, escaped: cells are put for all columns, in their order, be they
 * shown or not. "" leaves it empty. */
void put_cell(struct line *line, const char *text);

/* The same; what is in it from `tail` on (NULL: nothing) is not cut. */
void put_cell_with(struct line *line, const char *text, const char *tail);

/* What only some lines have, after the columns that all have. */
void put_note(struct line *line, const char *text);

#endif
