/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one way to print a table: aligned columns for a person, or an array of
 * JSON objects. Cells are given as text; the column says how JSON writes it.
 */
#ifndef HEADCOUNT_TABLE_H
#define HEADCOUNT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum table_kind {
	TABLE_TEXT,   /* left-aligned; a JSON string */
	TABLE_NUMBER, /* right-aligned; a JSON number, or null for an empty cell ("-" in a
			 table) */
	TABLE_BOOL,   /* "yes"/"no"; JSON true/false */
};

struct table_column {
	const char *heading; /* upper case; NULL: not shown in the table */
	const char *key;     /* NULL: not in JSON */
	enum table_kind kind;
};

struct table;

/* NULL if memory is short. `columns` (static) must outlive the table. */
struct table *table_new(const struct table_column *columns, size_t count);
void table_free(struct table *table);

/* Appends a cell to the current row; a row is full after `count` cells. No text (NULL
 * or "") is an empty cell ("-" in the table; null in JSON, for text columns too). */
void table_add_text(struct table *table, const char *text);
void table_add(struct table *table, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void table_add_number(struct table *table, unsigned long long number);

/* From now on a printed table is at most so wide, if leaving out columns makes it so: first
 * those that `spare` (which outlives the table) names first. JSON has them all. */
void table_fit(struct table *table, size_t width, const unsigned char *spare, size_t count);

/* Prints to `out`, escaping every cell. Cells in a table are as wide as the widest one. Returns
 * 0, or -ENOMEM if a row was lost while building (nothing is printed then). */
int table_print(const struct table *table, FILE *out, bool json);

#endif
