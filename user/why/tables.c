// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/base/human.h"
#include "user/base/put.h"
#include "user/base/table.h"
#include "user/base/terminal.h"
#include "user/base/words.h"
#include "user/why/find.h"
#include "user/why/groups.h"
#include "user/why/tables.h"

#define ROWS             10 /* for a person */
#define COLUMNS(columns) (sizeof(columns) / sizeof((columns)[0]))

#define CLASS_COLUMNS                                                                          \
	{.heading = "STALE", .key = "stale", .kind = TABLE_NUMBER},                            \
		{.heading = "ORPHAN", .key = "orphan", .kind = TABLE_NUMBER},                  \
		{.heading = "HALF", .key = "half_closed", .kind = TABLE_NUMBER},               \
		{.heading = "LEFT", .key = "left_behind", .kind = TABLE_NUMBER},               \
		{.heading = "UNUSED", .key = "idle", .kind = TABLE_NUMBER},                    \
		{.heading = "UNSEEN", .key = "unseen", .kind = TABLE_NUMBER},                  \
		{.heading = "USED", .key = "in_use", .kind = TABLE_NUMBER},                    \
		{.heading = "YOUNGEST", .key = "youngest_ms", .kind = TABLE_NUMBER},           \
		{.heading = "OLDEST", .key = "oldest_ms", .kind = TABLE_NUMBER},               \
		{.heading = "IDLE", .key = "least_idle_ms", .kind = TABLE_NUMBER},             \
	{                                                                                      \
		.heading = "TO", .key = "longest_idle_ms", .kind = TABLE_NUMBER                \
	}

static const struct table_column client_columns[] = {
	{.heading = "CLIENT", .key = "client"},
	{.heading = "SESSIONS", .key = "sessions", .kind = TABLE_NUMBER},
	CLASS_COLUMNS,
	{.heading = "OTHERS", .key = "other_users", .kind = TABLE_NUMBER},
};

static const struct table_column process_columns[] = {
	{.heading = "PROCESS", .key = "process"},
	{.heading = "PID", .key = "pid", .kind = TABLE_NUMBER},
	{.heading = "SESSIONS", .key = "sessions", .kind = TABLE_NUMBER},
	CLASS_COLUMNS,
};

static const struct table_column unused_columns[] = {
	{.heading = "ID", .key = "id", .kind = TABLE_NUMBER},
	{.heading = "CLIENT", .key = "client"},
	{.heading = "WHAT", .key = "what"},
	{.heading = "STATE", .key = "state"},
	{.heading = "UNANS", .key = "unanswered", .kind = TABLE_NUMBER},
	{.heading = "SENDQ", .key = "send_queue", .kind = TABLE_NUMBER},
	{.heading = "HEARD", .key = "heard_ms", .kind = TABLE_NUMBER},
	{.heading = "IDLE", .key = "idle_ms", .kind = TABLE_NUMBER},
	{.heading = "HALF", .key = "half_closed_ms", .kind = TABLE_NUMBER},
	{.heading = "AGE", .key = "age_ms", .kind = TABLE_NUMBER},
	{.heading = "PROCESS", .key = "process"},
};

static const struct table_column time_columns[] = {
	{.heading = "SESSIONS", .key = "time"},
	{.heading = "<1m", .key = "below_1m", .kind = TABLE_NUMBER},
	{.heading = "<10m", .key = "below_10m", .kind = TABLE_NUMBER},
	{.heading = "<1h", .key = "below_1h", .kind = TABLE_NUMBER},
	{.heading = "<1d", .key = "below_1d", .kind = TABLE_NUMBER},
	{.heading = "MORE", .key = "more", .kind = TABLE_NUMBER},
};

/* The columns that a narrow terminal does without, in this order. */
static const unsigned char client_spare[] = {7, 9, 11, 3, 13, 10};
static const unsigned char process_spare[] = {8, 10, 12, 4, 11};

static void add_time(struct table *table, __u64 ms, bool json)
{
	char text[HUMAN_TEXT];

	if (ms == WHY_UNKNOWN)
		table_add_text(table, NULL);
	else if (json)
		table_add_number(table, ms);
	else
		table_add_text(table, human_duration(ms / 1000, text));
}

/* What there is stands out for a person. */
static void add_count(struct table *table, size_t count, bool json)
{
	if (count || json)
		table_add_number(table, count);
	else
		table_add_text(table, NULL);
}

static void add_classes(struct table *table, const struct why_group *group, bool json)
{
	for (int what = 0; what < WHY_CLASSES; what++)
		add_count(table, group->classes[what], json);
	add_time(table, group->youngest_ms, json);
	add_time(table, group->oldest_ms, json);
	add_time(table, group->least_idle_ms, json);
	add_time(table, group->longest_idle_ms, json);
}

static void add_comm(struct table *table, const struct why_session *session)
{
	table_add(table, "%.*s", HC_COMM_MAX, session->orphan ? "" : session->comm);
}

static void add_client(struct table *table, const struct why_group *group, bool json)
{
	const struct why_session *first = group->sessions[0];
	char address[ADDRESS_TEXT];

	table_add_text(table, address_format(first->remote, address));
	table_add_number(table, group->count);
	add_classes(table, group, json);
	add_count(table, first->others, json);
}

static void add_process_of(struct table *table, const struct why_group *group, bool json)
{
	const struct why_session *first = group->sessions[0];

	add_comm(table, first);
	if (first->pid && !first->orphan)
		table_add_number(table, first->pid);
	else
		table_add_text(table, NULL);
	table_add_number(table, group->count);
	add_classes(table, group, json);
}

/* Prints the table, of which `left` rows were left out, and frees it. */
static int print_and_free(struct table *table, size_t left, bool json)
{
	int error = table_print(table, stdout, json);

	if (!error && !json && left)
		printf("and %zu more\n", left);
	table_free(table);
	return error;
}

static int print_groups(const struct why_facts *facts, enum why_by by, bool json)
{
	bool clients = by == WHY_BY_ADDRESS;
	struct table *table = clients ? table_new(client_columns, COLUMNS(client_columns))
				      : table_new(process_columns, COLUMNS(process_columns));
	struct why_groups groups = {};
	int error = table ? why_groups_make(&groups, facts, by) : -ENOMEM;
	size_t shown = json || groups.count < ROWS ? groups.count : ROWS;

	if (table)
		table_fit(table, terminal_width(STDOUT_FILENO),
			  clients ? client_spare : process_spare,
			  clients ? sizeof(client_spare) : sizeof(process_spare));

	for (size_t i = 0; i < shown && !error; i++)
		(clients ? add_client : add_process_of)(table, &groups.rows[i], json);
	if (!error)
		error = print_and_free(table, groups.count - shown, json);
	else
		table_free(table);
	why_groups_free(&groups);
	return error;
}

int why_print_clients(const struct why_facts *facts, bool json)
{
	return print_groups(facts, WHY_BY_ADDRESS, json);
}

int why_print_processes(const struct why_facts *facts, bool json)
{
	return print_groups(facts, WHY_BY_PROCESS, json);
}

#define PLACES 5

static size_t place_of_time(__u64 ms)
{
	static const __u64 ends[PLACES - 1] = {60000, 600000, 3600000, 86400000};
	size_t place = 0;

	while (place < PLACES - 1 && ms >= ends[place])
		place++;
	return place;
}

int why_print_times(const struct why_facts *facts, bool json)
{
	struct table *table = table_new(time_columns, COLUMNS(time_columns));
	size_t ages[PLACES] = {}, idles[PLACES] = {};

	if (!table)
		return -ENOMEM;
	for (size_t i = 0; i < facts->count; i++) {
		ages[place_of_time(facts->sessions[i].age_ms)]++;
		if (facts->sessions[i].idle_ms != WHY_UNKNOWN)
			idles[place_of_time(facts->sessions[i].idle_ms)]++;
	}
	table_add_text(table, "age");
	for (int i = 0; i < PLACES; i++)
		table_add_number(table, ages[i]);
	table_add_text(table, "idle");
	for (int i = 0; i < PLACES; i++)
		table_add_number(table, idles[i]);
	return print_and_free(table, 0, json);
}

static void add_unused(struct table *table, const struct why_session *session, bool json)
{
	char address[ADDRESS_TEXT];

	table_add_number(table, session->id);
	table_add_text(table, address_format(session->remote, address));
	table_add_text(table, why_class_word(session->what));
	if (session->state) {
		table_add_text(table, word_of_state(session->state));
		table_add_number(table, session->unanswered);
		table_add_number(table, session->send_queue);
	} else {
		for (int i = 0; i < 3; i++)
			table_add_text(table, NULL);
	}
	add_time(table, session->heard_ms, json);
	add_time(table, session->idle_ms, json);
	add_time(table, session->half_closed_ms, json);
	add_time(table, session->age_ms, json);
	add_comm(table, session);
}

int why_print_unused(const struct why_facts *facts, bool json)
{
	struct table *table = table_new(unused_columns, COLUMNS(unused_columns));
	size_t rows = 0, left = 0;

	if (!table)
		return -ENOMEM;
	/* The surest first. */
	for (enum why_class what = 0; what < WHY_IN_USE; what++) {
		for (size_t i = 0; i < facts->count; i++) {
			if (facts->sessions[i].what != what)
				continue;
			if (json || rows < ROWS)
				add_unused(table, &facts->sessions[i], json);
			else
				left++;
			rows++;
		}
	}
	if (rows || json)
		return print_and_free(table, left, json);
	table_free(table);
	return 0;
}
