// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "user/base/clock.h"
#include "user/base/human.h"
#include "user/base/log.h"
#include "user/base/put.h"
#include "user/base/table.h"
#include "user/base/terminal.h"
#include "user/base/ticks.h"
#include "user/base/user_name.h"
#include "user/base/words.h"
#include "user/sessions/stale.h"
#include "user/sessions/table.h"

#define AHEAD        8 /* rows that are fetched into the cache before their turn */
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum column {
	ID,
	SERVICE,
	USER,
	DIRECTION,
	LOCAL,
	REMOTE,
	STATE,
	AGE,
	IDLE,
	HEARD,
	SEND_QUEUE,
	UNANSWERED,
	ORPHAN,
	HALF_CLOSED,
	KEEPALIVE,
	OPENED,
	RX,
	TX,
	RTT,
	PID,
	PROCESS,
};

static const struct table_column columns[] = {
	[ID] = {.heading = "ID", .kind = TABLE_NUMBER},
	[SERVICE] = {.heading = "SERVICE"},
	[USER] = {.heading = "USER"},
	[DIRECTION] = {.heading = "DIR"},
	[LOCAL] = {.heading = "LOCAL"},
	[REMOTE] = {.heading = "REMOTE"},
	[STATE] = {.heading = "STATE"},
	[AGE] = {.heading = "AGE", .kind = TABLE_NUMBER},
	[IDLE] = {.heading = "IDLE", .kind = TABLE_NUMBER},
	[HEARD] = {.heading = "HEARD", .kind = TABLE_NUMBER},
	[SEND_QUEUE] = {.heading = "SENDQ", .kind = TABLE_NUMBER},
	[UNANSWERED] = {.heading = "UNANS", .kind = TABLE_NUMBER},
	[ORPHAN] = {.heading = "ORPHAN"},
	[HALF_CLOSED] = {.heading = "HALF", .kind = TABLE_NUMBER},
	[KEEPALIVE] = {.heading = "KEEP", .kind = TABLE_NUMBER},
	[OPENED] = {.heading = "OPENED"},
	[RX] = {.heading = "RX", .kind = TABLE_NUMBER},
	[TX] = {.heading = "TX", .kind = TABLE_NUMBER},
	[RTT] = {.heading = "RTT", .kind = TABLE_NUMBER},
	[PID] = {.heading = "PID", .kind = TABLE_NUMBER},
	[PROCESS] = {.heading = "PROCESS"},
};

/* The columns that a narrow terminal does without, in this order. */
static const unsigned char spare[] = {
	KEEPALIVE,  OPENED,     LOCAL, DIRECTION, RTT,   TX,      RX,  ORPHAN, HALF_CLOSED,
	UNANSWERED, SEND_QUEUE, PID,   USER,      HEARD, SERVICE, AGE, STATE,  PROCESS,
};

/* A promise to scripts: what is new comes last. `pid` and `process` of an inbound session are
 * its listener's. */
static const struct table_column keys[] = {
	{.key = "id", .kind = TABLE_NUMBER},
	{.key = "service"},
	{.key = "user"},
	{.key = "direction"},
	{.key = "local"},
	{.key = "remote"},
	{.key = "state"},
	{.key = "opened"},
	{.key = "idle_ms", .kind = TABLE_NUMBER},
	{.key = "rx_bytes", .kind = TABLE_NUMBER},
	{.key = "tx_bytes", .kind = TABLE_NUMBER},
	{.key = "srtt_us", .kind = TABLE_NUMBER},
	{.key = "pid", .kind = TABLE_NUMBER},
	{.key = "process"},
	{.key = "heard_ms", .kind = TABLE_NUMBER},
	{.key = "send_queue", .kind = TABLE_NUMBER},
	{.key = "unanswered", .kind = TABLE_NUMBER},
	{.key = "orphan", .kind = TABLE_BOOL},
	{.key = "half_closed_ms", .kind = TABLE_NUMBER},
	{.key = "holder_pid", .kind = TABLE_NUMBER},
	{.key = "holder"},
	{.key = "holders", .kind = TABLE_NUMBER},
	{.key = "stale", .kind = TABLE_BOOL},
	{.key = "keepalive_ms", .kind = TABLE_NUMBER},
	{.key = "user_timeout_ms", .kind = TABLE_NUMBER},
};

struct listing {
	struct table *table;
	const struct session_list *list;
	const struct policy *policy;
	bool json;
	__u64 now_ns; /* CLOCK_MONOTONIC */
	__s64 realtime_offset_ns;
	time_t second; /* that was printed last */
	char second_text[32];
};

static void add_end(struct table *table, const __u8 address[16], __u16 port)
{
	char text[END_TEXT];

	table_add_text(table, end_format(address, port, text));
}

static void add_unknown(struct table *table, int cells)
{
	while (cells--)
		table_add_text(table, NULL);
}

static void add_number_or_none(struct table *table, __u64 number)
{
	if (number)
		table_add_number(table, number);
	else
		table_add_text(table, NULL);
}

static void add_ms(const struct listing *listing, __u64 ms)
{
	char text[HUMAN_TEXT];

	if (listing->json)
		table_add_number(listing->table, ms);
	else
		table_add_text(listing->table, human_duration(ms / 1000, text));
}

static void add_bytes(const struct listing *listing, __u64 bytes)
{
	char text[HUMAN_TEXT];

	if (listing->json)
		table_add_number(listing->table, bytes);
	else
		table_add_text(listing->table, human_bytes(bytes, text));
}

static void add_heard(const struct listing *listing, const struct hc_socket *socket)
{
	__u64 ms;

	if (session_heard_ms(socket, &ms))
		add_ms(listing, ms);
	else
		table_add_text(listing->table, NULL);
}

static void add_half_closed(const struct listing *listing, const struct hc_socket *socket)
{
	__u64 ms;

	if (ticks_half_closed_ms(socket->half_closed, &ms))
		add_ms(listing, ms);
	else
		table_add_text(listing->table, NULL);
}

static void add_keepalive(const struct listing *listing, const struct hc_socket *socket)
{
	__u64 ms = session_keepalive_ms(socket);

	if (ms)
		add_ms(listing, ms);
	else
		table_add_text(listing->table, NULL);
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

static void add_age(const struct listing *listing, const struct hc_session *session)
{
	__s64 ns = listing->now_ns - session->opened_ns;

	if (session->flags & HC_F_FOUND)
		table_add_text(listing->table, NULL);
	else
		add_ms(listing, ns > 0 ? ns / NS_PER_MS : 0);
}

/* Whose the session is: what both forms begin with. */
static void add_identity(struct listing *listing, const struct session_row *row)
{
	const struct hc_session *session = row->session;
	const struct hc_user_key *user = &session->user;
	struct table *table = listing->table;
	char text[HC_USER_TEXT];
	bool json = listing->json, inbound = session->direction == HC_INBOUND;

	table_add_number(table, row->id);
	table_add_text(table, listing->policy->services[user->service % HC_SERVICES_MAX].name);
	table_add_text(table, user_key_format(user, !json, text, sizeof(text)));
	table_add_text(table,
		       json ? (inbound ? "inbound" : "outbound") : (inbound ? "in" : "out"));
	add_end(table, session->ends.local, session->ends.local_port);
	add_end(table, session->ends.remote, session->ends.remote_port);
	table_add_text(table, row->socket ? word_of_state(row->socket->state) : NULL);
}

/* A process as the kernel names it, and how many there are besides. */
static void add_process(struct table *table, const char comm[HC_COMM_MAX], size_t others)
{
	char text[HC_COMM_MAX + HUMAN_TEXT];
	char *end = mempcpy(text, comm, strnlen(comm, HC_COMM_MAX));

	if (others) {
		*end++ = '+';
		end = put_number(end, others);
	}
	*end = '\0';
	table_add_text(table, text);
}

/* Who has the session now. Whoever listens stands for them only where nothing is known. */
static void add_holder(const struct listing *listing, const struct session_row *row)
{
	const struct hc_session *session = row->session;
	struct table *table = listing->table;
	size_t count;
	const struct hc_holder *holder = holders_of(&listing->list->holders, row->id, &count);

	if (holder) {
		table_add_number(table, holder->pid);
		add_process(table, holder->comm, count - 1);
	} else if (row->socket && row->socket->orphan) {
		add_unknown(table, 2);
	} else {
		add_number_or_none(table, session->pid);
		add_process(table, session->comm, 0);
	}
}

static void add_session(struct listing *listing, const struct session_row *row)
{
	const struct hc_socket *socket = row->socket;
	struct table *table = listing->table;
	char text[HUMAN_TEXT];

	add_identity(listing, row);
	add_age(listing, row->session);
	if (socket) {
		add_ms(listing, session_idle_ms(socket));
		add_heard(listing, socket);
		add_bytes(listing, socket->peer.send_queue);
		table_add_number(table, socket->peer.unanswered);
		table_add_text(table, socket->orphan ? "yes" : NULL);
		add_half_closed(listing, socket);
		add_keepalive(listing, socket);
	} else {
		add_unknown(table, KEEPALIVE - AGE);
	}
	add_opened(listing, row->session);
	if (socket) {
		add_bytes(listing, socket->rx_bytes);
		add_bytes(listing, socket->tx_bytes);
		table_add_text(table, human_rtt(socket->srtt_us, text));
	} else {
		add_unknown(table, RTT - OPENED);
	}
	add_holder(listing, row);
}

static void add_holder_keys(const struct listing *listing, const struct session_row *row)
{
	const struct holders *holders = &listing->list->holders;
	struct table *table = listing->table;
	size_t count;
	const struct hc_holder *holder = holders_of(holders, row->id, &count);

	if (!holder) {
		add_unknown(table, 2);
	} else {
		table_add_number(table, holder->pid);
		add_process(table, holder->comm, 0);
	}
	/* Of MPTCP the process has another socket. */
	if (holders->known && row->socket && (count || !row->socket->mptcp))
		table_add_number(table, count);
	else
		table_add_text(table, NULL);
}

static void add_object(struct listing *listing, const struct session_row *row)
{
	const struct hc_session *session = row->session;
	const struct hc_socket *socket = row->socket;
	struct table *table = listing->table;

	add_identity(listing, row);
	add_opened(listing, session);
	if (socket) {
		table_add_number(table, session_idle_ms(socket));
		table_add_number(table, socket->rx_bytes);
		table_add_number(table, socket->tx_bytes);
		table_add_number(table, socket->srtt_us);
	} else {
		add_unknown(table, 4);
	}
	add_number_or_none(table, session->pid);
	add_process(table, session->comm, 0);
	if (socket) {
		add_heard(listing, socket);
		table_add_number(table, socket->peer.send_queue);
		table_add_number(table, socket->peer.unanswered);
		table_add_text(table, socket->orphan ? "yes" : "no");
		add_half_closed(listing, socket);
	} else {
		add_unknown(table, 5);
	}
	add_holder_keys(listing, row);
	table_add_text(table, socket && session_stale(socket) ? "yes" : "no");
	if (socket) {
		add_keepalive(listing, socket);
		add_number_or_none(table, socket->alive.user_timeout_ms);
	} else {
		add_unknown(table, 2);
	}
}

int session_table_print(const struct session_list *list, const struct policy *policy, bool json)
{
	struct listing listing = {
		.list = list,
		.policy = policy,
		.json = json,
		.now_ns = clock_monotonic_ns(),
		.realtime_offset_ns = clock_realtime_offset_ns(),
	};
	int error = 0;

	listing.table =
		json ? table_new(keys, COUNT(keys)) : table_new(columns, COUNT(columns));
	if (!listing.table)
		return hc_error_errno(ENOMEM, "cannot print the sessions");
	table_fit(listing.table, terminal_width(STDOUT_FILENO), spare, sizeof(spare));
	for (size_t i = 0; i < list->count; i++) {
		/* In the order of their ids, they lie anywhere. */
		if (i + AHEAD < list->count)
			__builtin_prefetch(list->rows[i + AHEAD].session);
		if (json)
			add_object(&listing, &list->rows[i]);
		else
			add_session(&listing, &list->rows[i]);
	}
	if (table_print(listing.table, stdout, json))
		error = hc_error_errno(ENOMEM, "cannot print the sessions");
	table_free(listing.table);
	return error;
}
