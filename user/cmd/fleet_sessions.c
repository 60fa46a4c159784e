// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "user/base/human.h"
#include "user/base/log.h"
#include "user/base/table.h"
#include "user/base/terminal.h"
#include "user/cmd/fleet.h"

/* How a value that a host printed becomes a cell. */
enum form { HOST, TEXT, NUMBER, WAY, LENGTH, BYTES, RTT, YES, AGE, OPENED, PID, PROCESS };

#define COUNT (sizeof(columns) / sizeof(columns[0]))

/* As the local table (sessions/table.c), behind the host. */
static const struct table_column columns[] = {
	{.heading = "HOST"},
	{.heading = "ID", .kind = TABLE_NUMBER},
	{.heading = "SERVICE"},
	{.heading = "USER"},
	{.heading = "DIR"},
	{.heading = "LOCAL"},
	{.heading = "REMOTE"},
	{.heading = "STATE"},
	{.heading = "AGE", .kind = TABLE_NUMBER},
	{.heading = "IDLE", .kind = TABLE_NUMBER},
	{.heading = "HEARD", .kind = TABLE_NUMBER},
	{.heading = "SENDQ", .kind = TABLE_NUMBER},
	{.heading = "UNANS", .kind = TABLE_NUMBER},
	{.heading = "ORPHAN"},
	{.heading = "HALF", .kind = TABLE_NUMBER},
	{.heading = "KEEP", .kind = TABLE_NUMBER},
	{.heading = "OPENED"},
	{.heading = "RX", .kind = TABLE_NUMBER},
	{.heading = "TX", .kind = TABLE_NUMBER},
	{.heading = "RTT", .kind = TABLE_NUMBER},
	{.heading = "PID", .kind = TABLE_NUMBER},
	{.heading = "PROCESS"},
};

static const struct {
	const char *key;
	enum form form;
} cells[] = {
	{NULL, HOST},
	{"id", NUMBER},
	{"service", TEXT},
	{"user", TEXT},
	{"direction", WAY},
	{"local", TEXT},
	{"remote", TEXT},
	{"state", TEXT},
	{"opened", AGE},
	{"idle_ms", LENGTH},
	{"heard_ms", LENGTH},
	{"send_queue", BYTES},
	{"unanswered", NUMBER},
	{"orphan", YES},
	{"half_closed_ms", LENGTH},
	{"keepalive_ms", LENGTH},
	{"opened", OPENED},
	{"rx_bytes", BYTES},
	{"tx_bytes", BYTES},
	{"srtt_us", RTT},
	{"holder_pid", PID},
	{"holder", PROCESS},
};
_Static_assert(sizeof(cells) / sizeof(cells[0]) == COUNT, "a cell for each column");

/* The columns that a narrow terminal does without, in the order of the local table. */
static const unsigned char spare[] = {15, 16, 5,  4, 19, 18, 17, 13, 14,
				      12, 11, 20, 3, 10, 2,  8,  7,  21};

/* "2026-11-21T20:56:47.661Z"; 0: it is none. */
static time_t time_of(const char *text)
{
	struct tm tm = {};

	return text && strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) ? timegm(&tm) : 0;
}

static void add_time(struct table *table, const char *text, bool age)
{
	time_t then = time_of(text), now = time(NULL);
	char cell[64];
	struct tm tm;

	if (!then)
		table_add_text(table, NULL);
	else if (age)
		table_add_text(table, human_duration(now > then ? now - then : 0, cell));
	else if (strftime(cell, sizeof(cell), "%Y-%m-%d %H:%M:%S", localtime_r(&then, &tm)))
		table_add_text(table, cell);
	else
		table_add_text(table, NULL);
}

static void add_number(struct table *table, struct json_object *row, const char *key,
		       enum form form)
{
	char cell[HUMAN_TEXT];
	__u64 number;

	if (!fleet_number(row, key, &number))
		table_add_text(table, NULL);
	else if (form == LENGTH)
		table_add_text(table, human_duration(number / 1000, cell));
	else if (form == BYTES)
		table_add_text(table, human_bytes(number, cell));
	else if (form == RTT)
		table_add_text(table, human_rtt(number, cell));
	else
		table_add_number(table, number);
}

static bool is_true(struct json_object *row, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(row, key, &value) && json_object_get_boolean(value);
}

/* Who holds it; or who listens, unless it is known that nobody does. */
static bool is_held(struct json_object *row)
{
	__u64 pid;

	return fleet_number(row, "holder_pid", &pid);
}

static void add_process(struct table *table, struct json_object *row)
{
	const char *name = fleet_text(row, is_held(row) ? "holder" : "process");
	__u64 holders = 0;

	if (!is_held(row) && is_true(row, "orphan"))
		name = NULL;
	fleet_number(row, "holders", &holders);
	if (name && is_held(row) && holders > 1)
		table_add(table, "%s+%llu", name, holders - 1);
	else
		table_add_text(table, name);
}

static void add_cell(struct table *table, struct json_object *row, const char *host, size_t i)
{
	const char *key = cells[i].key, *text = key ? fleet_text(row, key) : NULL;

	switch (cells[i].form) {
	case HOST:
		table_add_text(table, host);
		break;
	case TEXT:
		table_add_text(table, text);
		break;
	case WAY:
		table_add_text(table, text && !strcmp(text, "inbound")    ? "in"
				      : text && !strcmp(text, "outbound") ? "out"
									  : NULL);
		break;
	case YES:
		table_add_text(table, is_true(row, key) ? "yes" : NULL);
		break;
	case AGE:
	case OPENED:
		add_time(table, text, cells[i].form == AGE);
		break;
	case PID:
		if (!is_held(row) && is_true(row, "orphan"))
			table_add_text(table, NULL);
		else
			add_number(table, row, is_held(row) ? key : "pid", NUMBER);
		break;
	case PROCESS:
		add_process(table, row);
		break;
	default:
		add_number(table, row, key, cells[i].form);
	}
}

static void add_rows(struct table *table, struct json_object *rows, const char *host)
{
	for (size_t i = 0; i < json_object_array_length(rows); i++)
		for (size_t j = 0; j < COUNT; j++)
			add_cell(table, json_object_array_get_idx(rows, i), host, j);
}

/* The sessions that a host has closed are a part of what it printed. */
static struct json_object *sessions_of(struct json_object *printed)
{
	struct json_object *sessions;

	if (json_object_is_type(printed, json_type_array))
		return printed;
	return json_object_object_get_ex(printed, "sessions", &sessions) &&
			       json_object_is_type(sessions, json_type_array)
		       ? sessions
		       : NULL;
}

/* Returns how many there are, or a negative errno after the printed error. */
static int print_sessions(const struct fleet_answers *answers, enum json_type type, bool *whole)
{
	struct table *table = table_new(columns, COUNT);
	int count = 0, error = table ? 0 : -ENOMEM;

	for (size_t i = 0; i < answers->count && !error; i++) {
		struct json_object *printed = fleet_parse(&answers->hosts[i], type, whole);
		struct json_object *rows = sessions_of(printed);

		if (rows) {
			add_rows(table, rows, answers->hosts[i].host);
			count += json_object_array_length(rows);
		}
		json_object_put(printed);
	}
	if (table && (count || type == json_type_array)) {
		table_fit(table, terminal_width(STDOUT_FILENO), spare, sizeof(spare));
		error = table_print(table, stdout, false);
	}
	table_free(table);
	return error ? hc_error_errno(error, "cannot print the sessions") : count;
}

static int list(const struct fleet_options *fleet, struct fleet_request *request, bool json)
{
	struct fleet_answers answers = {};
	bool whole;
	int status = fleet_gather(fleet, request, &answers, &whole), done = 0;

	if (status == EXIT_DONE) {
		if (json)
			fleet_print_rows_json(&answers, json_type_array, &whole);
		else
			done = print_sessions(&answers, json_type_array, &whole);
		status = done < 0 || !whole ? EXIT_FAILED : EXIT_DONE;
	}
	fleet_answers_free(&answers);
	return status;
}

int fleet_sessions(const struct fleet_options *fleet, const struct command_option *options,
		   bool json)
{
	struct fleet_request request;

	if (fleet_request_make(&request, REQUEST_SESSIONS, options, NULL, 0, true))
		return EXIT_USAGE;
	return list(fleet, &request, json);
}

/* Of each host, how many it has closed, and why not the others. */
static void tell_results(const struct fleet_answers *answers, bool *whole)
{
	for (size_t i = 0; i < answers->count; i++) {
		struct json_object *result = fleet_parse(&answers->hosts[i], json_type_object,
							 whole),
				   *failures;
		const char *host = answers->hosts[i].host;
		__u64 closed = 0, gone = 0;

		if (!result)
			continue;
		fleet_number(result, "closed", &closed);
		fleet_number(result, "gone", &gone);
		printf("%s: closed %llu session%s\n", host, closed, closed == 1 ? "" : "s");
		if (gone)
			printf("%s: %llu had already ended\n", host, gone);
		if (!json_object_object_get_ex(result, "failures", &failures) ||
		    !json_object_is_type(failures, json_type_array))
			failures = NULL;
		for (size_t j = 0; failures && j < json_object_array_length(failures); j++) {
			struct json_object *failure = json_object_array_get_idx(failures, j);
			const char *reason = fleet_text(failure, "reason");
			__u64 count = 0;

			fleet_number(failure, "count", &count);
			hc_error("%s: could not close %llu: %s", host, count, reason ?: "?");
		}
		json_object_put(result);
	}
}

static size_t count_sessions(const struct fleet_answers *answers, size_t *hosts, bool *whole)
{
	size_t count = 0, here;

	for (size_t i = *hosts = 0; i < answers->count; i++) {
		struct json_object *rows =
			fleet_parse(&answers->hosts[i], json_type_array, whole);

		here = rows ? json_object_array_length(rows) : 0;
		count += here;
		*hosts += here > 0;
		json_object_put(rows);
	}
	return count;
}

/* Without a service the conditions may match more than was meant. EXIT_DONE: go on. */
static int confirm(const struct fleet_options *fleet, struct fleet_request *request)
{
	struct fleet_request *look = malloc(sizeof(*look));
	struct fleet_answers answers = {};
	char answer[16] = "";
	size_t count, hosts;
	bool whole;
	int status = EXIT_FAILED;

	if (look) {
		*look = *request;
		if (!request_add(look, "--dry-run"))
			status = fleet_gather(fleet, look, &answers, &whole);
	}
	free(look);
	count = count_sessions(&answers, &hosts, &whole);
	fleet_answers_free(&answers);
	if (status != EXIT_DONE)
		return status;
	fprintf(stderr, "Close %zu session%s on %zu host%s? [y/N] ", count,
		count == 1 ? "" : "s", hosts, hosts == 1 ? "" : "s");
	if (fgets(answer, sizeof(answer), stdin) && (*answer == 'y' || *answer == 'Y'))
		return EXIT_DONE;
	hc_error("closed nothing");
	return EXIT_FAILED;
}

static int close_them(const struct fleet_options *fleet, struct fleet_request *request,
		      const struct fleet_kill *kill)
{
	struct fleet_answers answers = {};
	bool whole;
	int status = fleet_gather(fleet, request, &answers, &whole), done = 0;

	if (status == EXIT_DONE) {
		if (kill->json) {
			fleet_print_rows_json(&answers, json_type_object, &whole);
		} else {
			if (!kill->quiet)
				done = print_sessions(&answers, json_type_object, &whole);
			tell_results(&answers, kill->quiet ? &whole : NULL);
		}
		status = done < 0 || !whole ? EXIT_FAILED : EXIT_DONE;
	}
	fleet_answers_free(&answers);
	return status;
}

int fleet_kill(const struct fleet_options *fleet, const struct command_option *options,
	       const struct fleet_kill *kill)
{
	struct fleet_request request;
	int status = EXIT_DONE;

	if (fleet_request_make(&request, REQUEST_KILL, options, NULL, 0, true))
		return EXIT_USAGE;
	if (kill->dry_run)
		return list(fleet, &request, kill->json);
	if (kill->ask)
		status = confirm(fleet, &request);
	return status == EXIT_DONE ? close_them(fleet, &request, kill) : status;
}
