// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "command.h"
#include "decode.h"
#include "log.h"
#include "policy_user.h"
#include "state.h"
#include "table.h"
#include "ticks.h"
#include "user_name.h"
#include "walk.h"

static const struct table_column columns[] = {
	{"ID", "id", TABLE_NUMBER, false, false},
	{"SERVICE", "service", TABLE_TEXT, false, false},
	{"USER", "user", TABLE_TEXT, false, false},
	{"DIRECTION", "direction", TABLE_TEXT, false, false},
	{"LOCAL", "local", TABLE_TEXT, false, false},
	{"REMOTE", "remote", TABLE_TEXT, false, false},
	{"STATE", "state", TABLE_TEXT, false, false},
	{"OPENED", "opened", TABLE_TEXT, false, false},
	{"IDLE_MS", "idle_ms", TABLE_NUMBER, false, false},
	{"RX", "rx_bytes", TABLE_NUMBER, false, false},
	{"TX", "tx_bytes", TABLE_NUMBER, false, false},
	{"RTT_US", "srtt_us", TABLE_NUMBER, false, false},
	{"PID", "pid", TABLE_NUMBER, false, false},
	{"PROCESS", "process", TABLE_TEXT, false, false},
};

/* Which sessions, and how they are written. */
struct listing {
	const struct headcount_bpf *object;
	struct policy policy;
	int service; /* -1: all */
	const char *user;
	bool json;
	__s64 realtime_offset_ns;
	struct table *table;
};

static void add_end(struct table *table, const __u8 address[16], __u16 port)
{
	char text[64];

	address_format(address, text, sizeof(text));
	table_add(table, strchr(text, ':') ? "[%s]:%u" : "%s:%u", text, port);
}

static void add_opened(const struct listing *listing, const struct hc_session *session)
{
	__u64 ns = session->opened_ns + listing->realtime_offset_ns;
	time_t seconds = ns / 1000000000ull;
	struct tm tm;
	char text[64];

	if (session->flags & HC_F_FOUND) {
		table_add_empty(listing->table);
	} else if (listing->json) {
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &tm));
		table_add(listing->table, "%s.%03lluZ", text, ns / 1000000 % 1000);
	} else {
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", localtime_r(&seconds, &tm));
		table_add(listing->table, "%s", text);
	}
}

/* Does --user mean this one? As text, so that every way to write it is one. */
static bool wanted(const struct listing *listing, const struct hc_session *session)
{
	char text[HC_USER_TEXT];

	if (listing->service >= 0 && session->user.service != listing->service)
		return false;
	if (!listing->user)
		return true;
	return !strcmp(user_key_format(&session->user, false, text, sizeof(text)),
		       listing->user) ||
	       !strcmp(user_key_format(&session->user, true, text, sizeof(text)),
		       listing->user);
}

static void add_row(const struct listing *listing, __u64 id, const struct hc_session *session,
		    const struct hc_socket *socket)
{
	struct table *table = listing->table;
	const struct hc_user_key *user = &session->user;
	char text[HC_USER_TEXT];

	table_add_number(table, id);
	table_add(table, "%s", listing->policy.services[user->service % HC_SERVICES_MAX].name);
	table_add(table, "%s", user_key_format(user, !listing->json, text, sizeof(text)));
	table_add(table, "%s", session->direction == HC_INBOUND ? "inbound" : "outbound");
	add_end(table, session->ends.local, session->ends.local_port);
	add_end(table, session->ends.remote, session->ends.remote_port);
	if (socket)
		table_add(table, "%s", decode_state_word(socket->state));
	else
		table_add_empty(table);
	add_opened(listing, session);
	if (socket) {
		table_add_number(table, ticks_to_ms(socket->idle_jiffies, socket->jiffies));
		table_add_number(table, socket->rx_bytes);
		table_add_number(table, socket->tx_bytes);
		table_add_number(table, socket->srtt_us);
	} else {
		for (int i = 0; i < 4; i++)
			table_add_empty(table);
	}
	if (session->pid)
		table_add_number(table, session->pid);
	else
		table_add_empty(table);
	table_add(table, "%.*s", HC_COMM_MAX, session->comm);
}

/* A row of the walk and what it is sorted by: rows are large, and are not moved. */
struct order {
	__u64 id;
	const struct hc_socket *row;
};

static int by_id(const void *left, const void *right)
{
	const struct order *a = left, *b = right;

	return a->id < b->id ? -1 : a->id > b->id;
}

static int add_found(const struct listing *listing, const struct walk_sockets *found)
{
	struct order *order = malloc((found->count + 1) * sizeof(*order));
	size_t count = 0;

	if (!order)
		return hc_error_errno(ENOMEM, "cannot print the sessions");
	for (size_t i = 0; i < found->count; i++)
		if (found->rows[i].tracked && wanted(listing, &found->rows[i].session))
			order[count++] = (struct order){found->rows[i].id, &found->rows[i]};
	qsort(order, count, sizeof(*order), by_id);
	for (size_t i = 0; i < count; i++)
		add_row(listing, order[i].id, &order[i].row->session, order[i].row);
	free(order);
	return 0;
}

/* A session in a namespace that the walk could not enter. */
static bool out_of_reach(void *context, const struct hc_session *session)
{
	const struct walk_sockets *found = context;

	return !netns_listed(&found->netns, session->ends.netns) &&
	       !(session->flags & HC_F_CONNECTING);
}

/* Sessions with their sockets; then those whose namespace nobody can enter, of
 * which only headcount's own record tells. */
static int add_rows(struct listing *listing)
{
	struct walk_sockets found = {};
	struct state_session *records = NULL;
	size_t count = 0;
	int error = walk_all_sockets(listing->object, &found);

	error = error ?: add_found(listing, &found);
	error = error
			?: state_read_sessions(listing->object, out_of_reach, &found, &records,
					       &count);
	for (size_t i = 0; i < count; i++)
		if (wanted(listing, &records[i].session))
			add_row(listing, records[i].id, &records[i].session, NULL);
	walk_free(&found);
	free(records);
	return error;
}

static int print_sessions(struct listing *listing, const char *service)
{
	struct timespec real, mono;
	int error = policy_read(listing->object, &listing->policy);

	if (error)
		return error;
	listing->service = service ? policy_find(&listing->policy, service) : -1;
	if (service && listing->service < 0)
		return hc_error("no service %s is in force", service);
	clock_gettime(CLOCK_REALTIME, &real);
	clock_gettime(CLOCK_MONOTONIC, &mono);
	listing->realtime_offset_ns =
		(real.tv_sec - mono.tv_sec) * 1000000000ll + real.tv_nsec - mono.tv_nsec;
	listing->table = table_new(columns, sizeof(columns) / sizeof(columns[0]));
	if (!listing->table)
		return hc_error_errno(ENOMEM, "cannot print the sessions");
	error = add_rows(listing);
	if (!error && table_print(listing->table, stdout, listing->json))
		error = hc_error_errno(ENOMEM, "cannot print the sessions");
	table_free(listing->table);
	return error;
}

int cmd_sessions(const struct command *command, int argc, char **argv)
{
	struct listing *listing = calloc(1, sizeof(*listing));
	struct headcount_bpf *object = NULL;
	const char *service = NULL;
	int first, status, error;

	if (!listing)
		return EXIT_FAILED;
	const struct command_option options[] = {
		{"service", 's', "SERVICE", "only this service's sessions", &service},
		{"user", 'u', "USER", "only this user's sessions", &listing->user},
		{"json", 'j', NULL, "print a JSON array", &listing->json},
		{},
	};
	if (!command_options(command, options, argc, argv, 0, &first, &status)) {
		error = command_open(&object, LOAD_WALK_SOCKETS);
		listing->object = object;
		error = error ?: print_sessions(listing, service);
		status = error ? EXIT_FAILED : EXIT_DONE;
	}
	headcount_bpf__destroy(object);
	free(listing);
	return status;
}
