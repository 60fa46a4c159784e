// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/escape.h"
#include "user/base/log.h"
#include "user/base/table.h"
#include "user/cmd/fleet.h"
#include "user/cmd/fleet_rows.h"

static const struct table_column columns[] = {
	{.heading = "SERVICE"},
	{.heading = "USER"},
	{.heading = "ACTIVE", .kind = TABLE_NUMBER},
	{.heading = "CAP", .kind = TABLE_NUMBER},
	{.heading = "HOSTS", .kind = TABLE_NUMBER},
	{.heading = "OPENED", .kind = TABLE_NUMBER},
	{.heading = "REFUSED", .kind = TABLE_NUMBER},
};

static int print_rows(const struct fleet_rows *rows)
{
	struct table *table = table_new(columns, sizeof(columns) / sizeof(columns[0]));
	int error = table ? 0 : -ENOMEM;

	for (size_t i = 0; i < rows->count && !error; i++) {
		const struct fleet_row *row = &rows->items[i];

		table_add_text(table, row->service);
		table_add_text(table, row->user);
		table_add_number(table, row->active);
		if (row->differs)
			table_add_text(table, "differ");
		else if (row->capped)
			table_add_number(table, row->cap);
		else
			table_add_text(table, NULL);
		table_add_number(table, row->hosts);
		table_add_number(table, row->opened);
		table_add_number(table, row->refused);
	}
	error = error ?: table_print(table, stdout, false);
	table_free(table);
	return error;
}

static int print_users(const struct fleet_answers *answers, bool *whole)
{
	struct fleet_rows rows = {};
	int error = fleet_rows_take(&rows, answers, FLEET_BY_ACTIVE, whole);

	error = error ?: print_rows(&rows);
	fleet_rows_free(&rows);
	return error ? hc_error_errno(error, "cannot print the users") : 0;
}

int fleet_users(const struct fleet_options *fleet, const struct command_option *options,
		bool json)
{
	struct fleet_answers answers = {};
	struct fleet_request request;
	bool whole;
	int error = 0, status;

	if (fleet_request_make(&request, REQUEST_USERS, options, NULL, 0, true))
		return EXIT_USAGE;
	status = fleet_gather(fleet, &request, &answers, &whole);
	if (status == EXIT_DONE) {
		if (json)
			fleet_print_rows_json(&answers, json_type_array, &whole);
		else
			error = print_users(&answers, &whole);
		status = error || !whole ? EXIT_FAILED : EXIT_DONE;
	}
	fleet_answers_free(&answers);
	return status;
}

/* Lines of a host, which may be any bytes. */
static void print_lines(const char *text, size_t length)
{
	char escaped[4096];

	while (length) {
		const char *end = memchr(text, '\n', length);
		size_t line = end ? (size_t)(end - text) : length;
		size_t part = line < sizeof(escaped) / 4 ? line : sizeof(escaped) / 4 - 1;

		escape_text(escaped, sizeof(escaped), text, part);
		fputs(escaped, stdout);
		if (part == line && end) {
			putchar('\n');
			part++;
		}
		text += part;
		length -= part;
	}
}

int fleet_why(const struct fleet_options *fleet, const struct command_option *options,
	      char *const *words, int count, bool json)
{
	struct fleet_answers answers = {};
	struct fleet_request request;
	bool whole;
	int status;

	if (fleet_request_make(&request, REQUEST_WHY, options, words, count, json))
		return EXIT_USAGE;
	status = fleet_gather(fleet, &request, &answers, &whole);
	if (status == EXIT_DONE && json)
		fleet_print_rows_json(&answers, json_type_array, &whole);
	for (size_t i = 0; i < answers.count && status == EXIT_DONE && !json; i++) {
		const struct fleet_told *told = &answers.hosts[i];

		if (!told->output || !told->ended || told->spoilt)
			continue;
		printf("%s%s:\n", i ? "\n" : "", told->host);
		print_lines(told->output, told->output_size);
	}
	fleet_answers_free(&answers);
	return status == EXIT_DONE && !whole ? EXIT_FAILED : status;
}
