// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "escape.h"
#include "table.h"

/* Cells lie one after the other in one piece of memory, each ended by a NUL. */
struct table {
	const struct table_column *columns;
	size_t count;
	size_t cells;
	char *text;
	size_t length;
	size_t room;
	size_t longest; /* bytes of the longest cell */
	bool failed;    /* a cell found no memory */
};

struct table *table_new(const struct table_column *columns, size_t count)
{
	struct table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->columns = columns;
	table->count = count;
	return table;
}

void table_free(struct table *table)
{
	if (!table)
		return;
	free(table->text);
	free(table);
}

/* Room for a cell of `bytes` bytes with its NUL. */
static bool make_room(struct table *table, size_t bytes)
{
	size_t room = table->room ? table->room : 4096;
	char *text;

	if (table->room - table->length >= bytes)
		return true;
	while (room - table->length < bytes)
		room *= 2;
	text = realloc(table->text, room);
	if (!text) {
		table->failed = true;
		return false;
	}
	table->text = text;
	table->room = room;
	return true;
}

/* The cell of `length` bytes that was written at the end becomes part of it. */
static void add_cell(struct table *table, size_t length)
{
	table->length += length + 1;
	table->cells++;
	if (length > table->longest)
		table->longest = length;
}

static void add_text(struct table *table, const char *text)
{
	size_t length = strlen(text);

	if (!make_room(table, length + 1))
		return;
	memcpy(table->text + table->length, text, length + 1);
	add_cell(table, length);
}

static void add_formatted(struct table *table, const char *format, va_list args)
{
	va_list again;
	char *text;
	int length;

	/* Nearly every cell is short, and is formatted once. */
	if (!make_room(table, 64))
		return;
	va_copy(again, args);
	length = vsnprintf(table->text + table->length, 64, format, args);
	if (length >= 64 && make_room(table, length + 1))
		vsnprintf(table->text + table->length, length + 1, format, again);
	va_end(again);
	if (length < 0)
		table->failed = true;
	if (table->failed)
		return;
	text = table->text + table->length;
	add_cell(table, strlen(text)); /* a "%c" may have ended it early */
}

void table_add(struct table *table, const char *format, ...)
{
	const char *text;
	va_list args;

	if (table->failed)
		return;
	va_start(args, format);
	if (!format) {
		add_text(table, "");
	} else if (!strcmp(format, "%s")) {
		text = va_arg(args, const char *);
		add_text(table, text ? text : "");
	} else {
		add_formatted(table, format, args);
	}
	va_end(args);
}

void table_add_empty(struct table *table)
{
	if (!table->failed)
		add_text(table, "");
}

static void put_spaces(FILE *out, size_t count)
{
	while (count--)
		putc_unlocked(' ', out);
}

/* Characters as a terminal counts them, wide ones aside. */
static size_t text_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += (*text & 0xc0) != 0x80;
	return width;
}

/* What a cell shows, in `shown`, which has room for the longest. */
static const char *table_cell(char *shown, const char *cell)
{
	size_t length = strlen(cell);

	escape_text(shown, 4 * length + 1, cell, length);
	return length ? shown : "-";
}

static void measure(const struct table *table, char *shown, size_t *widths)
{
	const char *cell = table->text;
	size_t i, column, width;

	for (column = 0; column < table->count; column++)
		widths[column] = text_width(table->columns[column].heading);
	for (i = 0; i < table->cells; i++, cell += strlen(cell) + 1) {
		column = i % table->count;
		width = text_width(table_cell(shown, cell));
		if (width > widths[column])
			widths[column] = width;
	}
}

/* One cell of a row. `*owed` is the room since the last cell: it is filled only
 * when something follows, so that no line ends in spaces. */
static void put_cell(FILE *out, const struct table_column *column, size_t width,
		     const char *text, size_t *owed)
{
	size_t pad = width - text_width(text);

	if (column->json_only)
		return;
	put_spaces(out, *owed + (column->kind == TABLE_NUMBER ? pad : 0));
	fputs_unlocked(text, out);
	*owed = 2 + (column->kind == TABLE_NUMBER ? 0 : pad);
}

static void print_rows(const struct table *table, FILE *out, char *shown, const size_t *widths)
{
	size_t rows = table->cells / table->count, column, owed = 0;
	const char *cell = table->text;

	for (column = 0; column < table->count; column++)
		put_cell(out, &table->columns[column], widths[column],
			 table->columns[column].heading, &owed);
	putc_unlocked('\n', out);
	while (rows--) {
		owed = 0;
		for (column = 0; column < table->count; column++) {
			put_cell(out, &table->columns[column], widths[column],
				 table_cell(shown, cell), &owed);
			cell += strlen(cell) + 1;
		}
		putc_unlocked('\n', out);
	}
}

/* JSON's grammar of a number, without the exponent that nobody here writes. */
static bool is_number(const char *text)
{
	size_t digits;

	text += *text == '-';
	digits = strspn(text, "0123456789");
	if (!digits || (digits > 1 && *text == '0'))
		return false;
	text += digits;
	if (*text == '.') {
		digits = strspn(++text, "0123456789");
		text += digits;
	}
	return digits && !*text;
}

/* A value; what is no number after all is a string, so that the JSON stays valid. */
static void put_value(FILE *out, enum table_kind kind, const char *cell, char *shown)
{
	size_t length = strlen(cell);

	if (!length) {
		fputs_unlocked("null", out);
	} else if (kind == TABLE_BOOL) {
		fputs_unlocked(strcmp(cell, "yes") ? "false" : "true", out);
	} else if (kind == TABLE_NUMBER && is_number(cell)) {
		fputs_unlocked(cell, out);
	} else {
		length = escape_json(shown, 6 * length + 1, cell, length);
		putc_unlocked('"', out);
		fwrite_unlocked(shown, 1, length, out);
		putc_unlocked('"', out);
	}
}

static void print_json(const struct table *table, FILE *out, char *shown)
{
	size_t rows = table->cells / table->count, row, column;
	const char *cell = table->text, *comma;

	putc_unlocked('[', out);
	for (row = 0; row < rows; row++) {
		fputs_unlocked(row ? ",\n {" : "\n {", out);
		comma = "\"";
		for (column = 0; column < table->count; column++) {
			if (!table->columns[column].table_only) {
				fputs_unlocked(comma, out);
				fputs_unlocked(table->columns[column].key, out);
				fputs_unlocked("\":", out);
				put_value(out, table->columns[column].kind, cell, shown);
				comma = ",\"";
			}
			cell += strlen(cell) + 1;
		}
		putc_unlocked('}', out);
	}
	fputs_unlocked(rows ? "\n]\n" : "]\n", out);
}

int table_print(const struct table *table, FILE *out, bool json)
{
	char *shown = malloc(6 * table->longest + 1);
	size_t *widths = calloc(table->count, sizeof(*widths));
	int err = -ENOMEM;

	if (table->failed || !shown || !widths)
		goto out;
	if (json) {
		print_json(table, out, shown);
	} else {
		measure(table, shown, widths);
		print_rows(table, out, shown, widths);
	}
	err = 0;
out:
	free(widths);
	free(shown);
	return err;
}
