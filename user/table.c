// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <linux/types.h>

#include "escape.h"
#include "table.h"

/*
 * Cells lie one after the other in one piece of memory: a word (how long the cell
 * is, and whether it is shown as it is), then its text and a NUL.
 */
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

/* A cell as it is read back. */
struct cell {
	const char *text;
	__u32 length;
	bool plain; /* no byte of it has to be escaped, in a table or in JSON */
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

/* Where the text of the next cell goes: room for `bytes` bytes of it with its NUL. */
static char *make_room(struct table *table, size_t bytes)
{
	size_t room = table->room ? table->room : 4096;
	char *text;

	bytes += sizeof(__u32);
	while (room - table->length < bytes)
		room *= 2;
	if (room != table->room) {
		text = realloc(table->text, room);
		if (!text) {
			table->failed = true;
			return NULL;
		}
		table->text = text;
		table->room = room;
	}
	return table->text + table->length + sizeof(__u32);
}

/* The text that was written at the end becomes a cell. */
static void add_cell(struct table *table, const char *text)
{
	size_t plain = escape_plain(text);
	size_t length = plain + strlen(text + plain);
	__u32 word = length << 1 | (plain == length);

	memcpy(table->text + table->length, &word, sizeof(word));
	table->length += sizeof(word) + length + 1;
	table->cells++;
	if (length > table->longest)
		table->longest = length;
}

/* Reads a cell; where the next one begins. */
static const char *read_cell(const char *at, struct cell *cell)
{
	__u32 word;

	memcpy(&word, at, sizeof(word));
	cell->text = at + sizeof(word);
	cell->length = word >> 1;
	cell->plain = word & 1;
	return cell->text + cell->length + 1;
}

static void add_text(struct table *table, const char *text)
{
	size_t size = strlen(text) + 1;
	char *to = make_room(table, size);

	if (to)
		add_cell(table, memcpy(to, text, size));
}

static void add_formatted(struct table *table, const char *format, va_list args)
{
	char *to = make_room(table, 64);
	va_list again;
	int length;

	/* Nearly every cell is short, and is formatted once. */
	if (!to)
		return;
	va_copy(again, args);
	length = vsnprintf(to, 64, format, args);
	if (length >= 64) {
		to = make_room(table, length + 1);
		if (to)
			vsnprintf(to, length + 1, format, again);
	}
	va_end(again);
	if (length < 0)
		table->failed = true;
	if (!table->failed)
		add_cell(table, to);
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

void table_add_number(struct table *table, unsigned long long number)
{
	char digits[24], *at = digits + sizeof(digits) - 1;

	*at = '\0';
	do {
		*--at = '0' + number % 10;
		number /= 10;
	} while (number);
	if (!table->failed)
		add_text(table, at);
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

/* What a cell shows; `room` has room for the longest, escaped. */
static struct cell shown(const struct cell *cell, char *room)
{
	struct cell shown = *cell;

	if (!cell->length) {
		shown.text = "-";
		shown.length = 1;
	} else if (!cell->plain) {
		shown.length =
			escape_text(room, 4 * cell->length + 1, cell->text, cell->length);
		shown.text = room;
	}
	return shown;
}

static size_t cell_width(const struct cell *cell)
{
	return cell->plain ? cell->length : text_width(cell->text);
}

static void measure(const struct table *table, char *room, size_t *widths)
{
	const char *at = table->text;
	size_t i, column, width;
	struct cell cell;

	for (column = 0; column < table->count; column++)
		widths[column] = text_width(table->columns[column].heading);
	for (i = 0; i < table->cells; i++) {
		column = i % table->count;
		at = read_cell(at, &cell);
		cell = shown(&cell, room);
		width = cell_width(&cell);
		if (width > widths[column])
			widths[column] = width;
	}
}

/* One cell of a row. `*owed` is the room since the last cell: it is filled only
 * when something follows, so that no line ends in spaces. */
static void put_cell(FILE *out, const struct table_column *column, size_t width,
		     const struct cell *cell, size_t *owed)
{
	size_t pad = width - cell_width(cell);

	if (column->json_only)
		return;
	put_spaces(out, *owed + (column->kind == TABLE_NUMBER ? pad : 0));
	fwrite_unlocked(cell->text, 1, cell->length, out);
	*owed = 2 + (column->kind == TABLE_NUMBER ? 0 : pad);
}

static void print_rows(const struct table *table, FILE *out, char *room, const size_t *widths)
{
	size_t rows = table->cells / table->count, column, owed = 0;
	const char *at = table->text;
	struct cell cell;

	for (column = 0; column < table->count; column++) {
		cell.text = table->columns[column].heading;
		cell.length = strlen(cell.text);
		cell.plain = true;
		put_cell(out, &table->columns[column], widths[column], &cell, &owed);
	}
	putc_unlocked('\n', out);
	while (rows--) {
		owed = 0;
		for (column = 0; column < table->count; column++) {
			at = read_cell(at, &cell);
			cell = shown(&cell, room);
			put_cell(out, &table->columns[column], widths[column], &cell, &owed);
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
static void put_value(FILE *out, enum table_kind kind, const struct cell *cell, char *room)
{
	const char *text = cell->text;
	size_t length = cell->length;

	if (!length) {
		fputs_unlocked("null", out);
	} else if (kind == TABLE_BOOL) {
		fputs_unlocked(strcmp(text, "yes") ? "false" : "true", out);
	} else if (kind == TABLE_NUMBER && is_number(text)) {
		fwrite_unlocked(text, 1, length, out);
	} else {
		if (!cell->plain) {
			length = escape_json(room, 6 * length + 1, text, length);
			text = room;
		}
		putc_unlocked('"', out);
		fwrite_unlocked(text, 1, length, out);
		putc_unlocked('"', out);
	}
}

static void print_json(const struct table *table, FILE *out, char *room)
{
	size_t rows = table->cells / table->count, row, column;
	const char *at = table->text, *comma;
	struct cell cell;

	putc_unlocked('[', out);
	for (row = 0; row < rows; row++) {
		fputs_unlocked(row ? ",\n {" : "\n {", out);
		comma = "\"";
		for (column = 0; column < table->count; column++) {
			at = read_cell(at, &cell);
			if (!table->columns[column].table_only) {
				fputs_unlocked(comma, out);
				fputs_unlocked(table->columns[column].key, out);
				fputs_unlocked("\":", out);
				put_value(out, table->columns[column].kind, &cell, room);
				comma = ",\"";
			}
		}
		putc_unlocked('}', out);
	}
	fputs_unlocked(rows ? "\n]\n" : "]\n", out);
}

int table_print(const struct table *table, FILE *out, bool json)
{
	char *room = malloc(6 * table->longest + 1);
	size_t *widths = calloc(table->count, sizeof(*widths));
	int err = -ENOMEM;

	if (table->failed || !room || !widths)
		goto out;
	if (json) {
		print_json(table, out, room);
	} else {
		measure(table, room, widths);
		print_rows(table, out, room, widths);
	}
	err = 0;
out:
	free(widths);
	free(room);
	return err;
}
