// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <linux/types.h>

#include "user/base/escape.h"
#include "user/base/print_buffer.h"
#include "user/base/table.h"
#include "user/base/terminal.h"

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
	/* table_fit(); `width` 0: as wide as it is. */
	size_t width;
	const unsigned char *spare;
	size_t spare_count;
};

/* A cell as it is read back. */
struct cell {
	const char *text;
	__u32 length;
	bool plain; /* no byte of it has to be escaped, in a table or in JSON */
};

#define GAP 2 /* between two columns */

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
static char *reserve_cell(struct table *table, size_t bytes)
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

/* The `length` bytes that were written at the end, and their NUL, become a cell. */
static void end_cell(struct table *table, size_t length, bool plain)
{
	__u32 word = length << 1 | plain;

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

void table_fit(struct table *table, size_t width, const unsigned char *spare, size_t count)
{
	table->width = width;
	table->spare = spare;
	table->spare_count = count;
}

void table_add_text(struct table *table, const char *text)
{
	size_t plain, length;
	char *to;

	text = text ?: "";
	plain = escape_plain(text);
	length = plain + strlen(text + plain);
	to = table->failed ? NULL : reserve_cell(table, length + 1);
	if (!to)
		return;
	*(char *)mempcpy(to, text, length) = '\0';
	end_cell(table, length, plain == length);
}

void table_add(struct table *table, const char *format, ...)
{
	va_list args;
	char *text;
	int length;

	va_start(args, format);
	length = vasprintf(&text, format, args);
	va_end(args);
	if (length < 0) {
		table->failed = true;
		return;
	}
	table_add_text(table, text);
	free(text);
}

void table_add_number(struct table *table, unsigned long long number)
{
	char *digits = table->failed ? NULL : reserve_cell(table, 24), *end;

	if (!digits)
		return;
	end = put_number(digits, number);
	*end = '\0';
	end_cell(table, end - digits, true);
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
		widths[column] = text_width(table->columns[column].heading ?: "");
	for (i = 0; i < table->cells; i++) {
		column = i % table->count;
		at = read_cell(at, &cell);
		cell = shown(&cell, room);
		width = cell_width(&cell);
		if (width > widths[column])
			widths[column] = width;
	}
}

/* NOTHING in `widths`: the column is not shown. */
#define NOTHING ((size_t)-1)

/* Leaves out columns that are not for a table, or that do not fit. */
static void leave_out_columns(const struct table *table, size_t *widths)
{
	size_t used = 0, column, i;

	for (column = 0; column < table->count; column++) {
		if (!table->columns[column].heading)
			widths[column] = NOTHING;
		else
			used += widths[column] + GAP;
	}
	for (i = 0; table->width && used > table->width + GAP && i < table->spare_count; i++) {
		column = table->spare[i];
		if (widths[column] != NOTHING)
			used -= widths[column] + GAP;
		widths[column] = NOTHING;
	}
}

/* Rows on their way out, put together in memory: room for all that is needed is
 * there before the first is written. */
struct output {
	FILE *file;
	struct print_buffer rows;
	char *room; /* for an escaped cell */
};

#define WRITE_AT_ONCE 65536

static void flush(struct output *out)
{
	fwrite(out->rows.data, 1, out->rows.length, out->file);
	out->rows.length = 0;
}

/* A row ends at `end`; where the next one goes. */
static char *end_row(struct output *out, char *end)
{
	print_commit(&out->rows, end);
	if (out->rows.length < WRITE_AT_ONCE)
		return end;
	flush(out);
	return out->rows.data;
}

static char *put_spaces(char *p, size_t count)
{
	return (char *)memset(p, ' ', count) + count;
}

/* One cell of a row. `*owed` is the room since the last cell: it is filled only
 * when something follows, so that no line ends in spaces. */
static char *put_table_cell(char *p, const struct table_column *column, size_t width,
			    const struct cell *cell, size_t *owed)
{
	size_t pad = width - cell_width(cell);

	if (width == NOTHING)
		return p;
	p = put_spaces(p, *owed + (column->kind == TABLE_NUMBER ? pad : 0));
	*owed = GAP + (column->kind == TABLE_NUMBER ? 0 : pad);
	return mempcpy(p, cell->text, cell->length);
}

static char *put_headings(char *p, const struct table *table, const size_t *widths)
{
	size_t column, owed = 0;
	struct cell cell = {.plain = true};

	for (column = 0; column < table->count; column++) {
		cell.text = table->columns[column].heading ?: "";
		cell.length = strlen(cell.text);
		p = put_table_cell(p, &table->columns[column], widths[column], &cell, &owed);
	}
	return PUT(p, "\n");
}

static int print_rows(const struct table *table, struct output *out, const size_t *widths)
{
	size_t rows = table->cells / table->count, column, owed, most = 0;
	const char *at = table->text;
	struct cell cell;
	char *p;

	for (column = 0; column < table->count; column++)
		most += widths[column] == NOTHING ? 0 : widths[column] + 4 * table->longest + 3;
	p = print_reserve(&out->rows, WRITE_AT_ONCE + most);
	if (!p)
		return -ENOMEM;
	p = end_row(out, put_headings(p, table, widths));
	while (rows--) {
		owed = 0;
		for (column = 0; column < table->count; column++) {
			at = read_cell(at, &cell);
			cell = shown(&cell, out->room);
			p = put_table_cell(p, &table->columns[column], widths[column], &cell,
					   &owed);
		}
		p = end_row(out, PUT(p, "\n"));
	}
	return 0;
}

/* JSON's grammar of a number, without the exponent, which we never write. */
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
static char *put_value(char *p, enum table_kind kind, const struct cell *cell)
{
	if (!cell->length)
		return PUT(p, "null");
	if (kind == TABLE_BOOL)
		return strcmp(cell->text, "yes") ? PUT(p, "false") : PUT(p, "true");
	if (kind == TABLE_NUMBER && is_number(cell->text))
		return mempcpy(p, cell->text, cell->length);
	p = PUT(p, "\"");
	if (cell->plain)
		p = mempcpy(p, cell->text, cell->length);
	else
		p += escape_json(p, 6 * cell->length + 1, cell->text, cell->length);
	return PUT(p, "\"");
}

static int print_objects(const struct table *table, struct output *out)
{
	size_t rows = table->cells / table->count, row, column, most = 16;
	const char *at = table->text, *comma;
	struct cell cell;
	char *p;

	for (column = 0; column < table->count; column++)
		most += strlen(table->columns[column].key ?: "") + 6 * table->longest + 8;
	p = print_reserve(&out->rows, WRITE_AT_ONCE + most);
	if (!p)
		return -ENOMEM;
	p = PUT(p, "[");
	for (row = 0; row < rows; row++) {
		p = stpcpy(p, row ? ",\n {\"" : "\n {\"");
		comma = "";
		for (column = 0; column < table->count; column++) {
			at = read_cell(at, &cell);
			if (!table->columns[column].key)
				continue;
			p = stpcpy(p, comma);
			p = stpcpy(p, table->columns[column].key);
			p = PUT(p, "\":");
			p = put_value(p, table->columns[column].kind, &cell);
			comma = ",\"";
		}
		p = end_row(out, PUT(p, "}"));
	}
	end_row(out, stpcpy(p, rows ? "\n]\n" : "]\n"));
	return 0;
}

int table_print(const struct table *table, FILE *file, bool json)
{
	struct output out = {.file = file, .room = malloc(6 * table->longest + 1)};
	size_t *widths = calloc(table->count, sizeof(*widths));
	int error = table->failed || !out.room || !widths ? -ENOMEM : 0;

	if (json) {
		error = error ?: print_objects(table, &out);
	} else if (!error) {
		measure(table, out.room, widths);
		leave_out_columns(table, widths);
		error = print_rows(table, &out, widths);
	}
	if (!error)
		flush(&out);
	print_buffer_free(&out.rows);
	free(widths);
	free(out.room);
	return error;
}
