// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>
#include <time.h>

#include "decode.h"
#include "log.h"
#include "put.h"
#include "session_table.h"
#include "table.h"
#include "ticks.h"
#include "user_name.h"

#define AHEAD 8 /* rows that are fetched into the cache before their turn */

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

struct listing {
	struct table *table;
	const struct policy *policy;
	bool json;
	__s64 realtime_offset_ns;
	time_t second; /* that was printed last */
	char second_text[32];
};

static void add_end(struct table *table, const __u8 address[16], __u16 port)
{
	char text[END_TEXT];

	table_add_text(table, end_format(address, port, text));
}

/* Local time; many neighbours were opened in the same second. */
static const char *local_second(struct listing *listing, time_t second)
{
	struct tm tm;

	if (second != listing->second || !*listing->second_text) {
		listing->second = second;
		strftime(listing->second_text, sizeof(listing->second_text),
			 "%Y-%m-%d %H:%M:%S", localtime_r(&second, &tm));
	}
	return listing->second_text;
}

static void add_opened(struct listing *listing, const struct hc_session *session)
{
	__u64 ns = session->opened_ns + listing->realtime_offset_ns;
	char text[31] = "";

	if (session->flags & HC_F_FOUND)
		table_add_text(listing->table, NULL);
	else if (!listing->json)
		table_add_text(listing->table, local_second(listing, ns / NS_PER_SECOND));
	else {
		put_time(text, ns);
		strcpy(strchr(text, '.') + 4, "Z"); /* milliseconds */
		table_add_text(listing->table, text);
	}
}

static void add_row(struct listing *listing, const struct session_row *row)
{
	const struct hc_session *session = row->session;
	const struct hc_socket *socket = row->socket;
	struct table *table = listing->table;
	const struct hc_user_key *user = &session->user;
	char text[HC_USER_TEXT];

	table_add_number(table, row->id);
	table_add_text(table, listing->policy->services[user->service % HC_SERVICES_MAX].name);
	table_add_text(table, user_key_format(user, !listing->json, text, sizeof(text)));
	table_add_text(table, session->direction == HC_INBOUND ? "inbound" : "outbound");
	add_end(table, session->ends.local, session->ends.local_port);
	add_end(table, session->ends.remote, session->ends.remote_port);
	if (socket)
		table_add_text(table, decode_state_word(socket->state));
	else
		table_add_text(table, NULL);
	add_opened(listing, session);
	if (socket) {
		table_add_number(table, ticks_to_ms(socket->idle_jiffies, socket->jiffies));
		table_add_number(table, socket->rx_bytes);
		table_add_number(table, socket->tx_bytes);
		table_add_number(table, socket->srtt_us);
	} else {
		for (int i = 0; i < 4; i++)
			table_add_text(table, NULL);
	}
	if (session->pid)
		table_add_number(table, session->pid);
	else
		table_add_text(table, NULL);
	*(char *)mempcpy(text, session->comm, strnlen(session->comm, HC_COMM_MAX)) = '\0';
	table_add_text(table, text);
}

int session_table_print(const struct session_list *list, const struct policy *policy, bool json)
{
	struct listing listing = {.policy = policy, .json = json};
	struct timespec real, mono;
	int error = 0;

	clock_gettime(CLOCK_REALTIME, &real);
	clock_gettime(CLOCK_MONOTONIC, &mono);
	listing.realtime_offset_ns =
		(real.tv_sec - mono.tv_sec) * 1000000000ll + real.tv_nsec - mono.tv_nsec;
	listing.table = table_new(columns, sizeof(columns) / sizeof(columns[0]));
	if (!listing.table)
		return hc_error_errno(ENOMEM, "cannot print the sessions");
	for (size_t i = 0; i < list->count; i++) {
		/* In the order of their ids, they lie anywhere. */
		if (i + AHEAD < list->count)
			__builtin_prefetch(list->rows[i + AHEAD].session);
		add_row(&listing, &list->rows[i]);
	}
	if (table_print(listing.table, stdout, json))
		error = hc_error_errno(ENOMEM, "cannot print the sessions");
	table_free(listing.table);
	return error;
}
