// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "user/base/table.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const struct table_column columns[] = {
	{.heading = "USER", .key = "user", .kind = TABLE_TEXT},
	{.heading = "ACTIVE", .key = "active", .kind = TABLE_NUMBER},
	{.key = "uid", .kind = TABLE_NUMBER},
	{.heading = "FULL", .key = "full", .kind = TABLE_BOOL},
	{.heading = "SINCE"},
};

static struct table *new_table(void)
{
	struct table *table = table_new(columns, COUNT(columns));

	assert_non_null(table);
	return table;
}

static void prints(const struct table *table, bool json, const char *expected)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(table_print(table, out, json), 0);
	assert_int_equal(fclose(out), 0);
	assert_string_equal(text, expected);
	free(text);
}

static void empty(void **state)
{
	struct table *table = new_table();

	(void)state;
	prints(table, false, "USER  ACTIVE  FULL  SINCE\n");
	prints(table, true, "[]\n");
	table_free(table);
	table_free(NULL);
}

/* What is too wide loses columns in the order that was given, in JSON none. */
static void fits(void **state)
{
	static const unsigned char order[] = {3, 0, 2, 4};
	static const struct {
		size_t width;
		const char *expected;
	} rows[] = {
		{0, "USER      ACTIVE  FULL  SINCE\n10.1.2.3       7  yes   now\n"},
		{29, "USER      ACTIVE  FULL  SINCE\n10.1.2.3       7  yes   now\n"},
		{28, "USER      ACTIVE  SINCE\n10.1.2.3       7  now\n"},
		{22, "ACTIVE  SINCE\n     7  now\n"},
		{12, "ACTIVE\n     7\n"},
		{1, "ACTIVE\n     7\n"},
	};
	struct table *table = new_table();

	(void)state;
	table_add_text(table, "10.1.2.3");
	table_add_number(table, 7);
	table_add_number(table, 1000);
	table_add_text(table, "yes");
	table_add_text(table, "now");
	for (size_t i = 0; i < COUNT(rows); i++) {
		table_fit(table, rows[i].width, order, COUNT(order));
		prints(table, false, rows[i].expected);
		prints(table, true,
		       "[\n "
		       "{\"user\":\"10.1.2.3\",\"active\":7,\"uid\":1000,\"full\":true}\n]\n");
	}
	table_free(table);
}

static void aligned(void **state)
{
	struct table *table = new_table();

	(void)state;
	table_add_text(table, "10.1.2.3");
	table_add(table, "%u", 1234567);
	table_add(table, "%u", 7u);
	table_add_text(table, "yes");
	table_add(table, "%02d:%02d", 9, 5);

	table_add_text(table, "al\xc3\xa9");
	table_add(table, "%d", -5);
	table_add_text(table, NULL);
	table_add(table, "no");
	table_add_text(table, NULL);

	table_add_text(table, "");
	table_add_text(table, NULL);
	table_add(table, "1.5");
	table_add_text(table, NULL);
	table_add(table, "yesterday");

	prints(table, false,
	       "USER       ACTIVE  FULL  SINCE\n"
	       "10.1.2.3  1234567  yes   09:05\n"
	       "al\xc3\xa9            -5  no    -\n"
	       "-               -  -     yesterday\n");
	prints(table, true,
	       "[\n"
	       " {\"user\":\"10.1.2.3\",\"active\":1234567,\"uid\":7,\"full\":true},\n"
	       " {\"user\":\"al\xc3\xa9\",\"active\":-5,\"uid\":null,\"full\":false},\n"
	       " {\"user\":null,\"active\":null,\"uid\":1.5,\"full\":null}\n"
	       "]\n");
	table_free(table);
}

static void escapes(void **state)
{
	struct table *table = new_table();

	(void)state;
	table_add_text(table, "a\"\n\x1b[2J\xff");
	table_add(table, "1");
	table_add(table, "2");
	table_add(table, "no");
	table_add(table, "-");
	prints(table, false,
	       "USER               ACTIVE  FULL  SINCE\n"
	       "a\"\\x0a\\x1b[2J\\xff       1  no    -\n");
	prints(table, true,
	       "[\n {\"user\":\"a\\u0022\\u000a\\u001b[2J\xef\xbf\xbd\",\"active\":1,"
	       "\"uid\":2,\"full\":false}\n]\n");
	table_free(table);
}

/* Whatever a number column is given, the JSON is valid. */
static void no_number(void **state)
{
	static const char *const texts[] = {"unlimited", "007", "-", "1.", ".5", "1e5", "0x1"};
	static const struct table_column column = {
		.heading = "N", .key = "n", .kind = TABLE_NUMBER};
	struct table *table;
	char expected[64];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(texts); i++) {
		table = table_new(&column, 1);
		assert_non_null(table);
		table_add_text(table, texts[i]);
		snprintf(expected, sizeof(expected), "[\n {\"n\":\"%s\"}\n]\n", texts[i]);
		prints(table, true, expected);
		table_free(table);
	}
}

/* Cells of many lengths, the last far over what a table has room for at first. */
static void long_cells(void **state)
{
	static const struct table_column column = {.heading = "A", .key = "a"};
	static const int lengths[] = {62, 63, 64, 65, 5000, 100000};
	struct table *table = table_new(&column, 1);
	char *expected = NULL;
	size_t size, i;
	FILE *out = open_memstream(&expected, &size);

	(void)state;
	assert_non_null(table);
	assert_non_null(out);
	fputs("A\n", out);
	for (i = 0; i < COUNT(lengths); i++) {
		table_add(table, "%0*d", lengths[i], 7);
		fprintf(out, "%0*d\n", lengths[i], 7);
	}
	fclose(out);
	prints(table, false, expected);
	free(expected);
	table_free(table);
}

static void nul_in_a_cell(void **state)
{
	struct table *table = new_table();

	(void)state;
	table_add(table, "%c%s", '\0', "hidden");
	table_add(table, "1");
	table_add(table, "2");
	table_add(table, "yes");
	table_add(table, "%c%s", 'x', "y");
	prints(table, false,
	       "USER  ACTIVE  FULL  SINCE\n"
	       "-          1  yes   xy\n");
	table_free(table);
}

static void many_rows(void **state)
{
	struct table *table = new_table();
	size_t size, lines = 0;
	char *text = NULL, *at;
	FILE *out = open_memstream(&text, &size);
	int i;

	(void)state;
	for (i = 0; i < 20000; i++) {
		table_add(table, "10.0.%d.%d", i / 256, i % 256);
		table_add(table, "%d", i);
		table_add(table, "%d", i);
		table_add_text(table, i % 2 ? "yes" : "no");
		table_add_text(table, NULL);
	}
	assert_int_equal(table_print(table, out, true), 0);
	fclose(out);
	for (at = text; (at = strchr(at, '\n')); at++)
		lines++;
	assert_int_equal(lines, 20002);
	assert_non_null(strstr(text, " {\"user\":\"10.0.78.31\",\"active\":19999,\"uid\":19999,"
				     "\"full\":true}\n]\n"));
	free(text);
	table_free(table);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty),      cmocka_unit_test(aligned),
		cmocka_unit_test(escapes),    cmocka_unit_test(no_number),
		cmocka_unit_test(long_cells), cmocka_unit_test(nul_in_a_cell),
		cmocka_unit_test(many_rows),  cmocka_unit_test(fits),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
