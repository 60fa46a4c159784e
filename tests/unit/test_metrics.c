// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "user/base/words.h"
#include "user/metrics/page.h"
#include "labels.h"

static struct metrics metrics; /* all zero but for what a test fills in */
static char *text;

static int clear(void **state)
{
	(void)state;
	memset(&metrics, 0, sizeof(metrics));
	for (int i = 0; i < FILL_COUNT; i++)
		metrics.fill[i].map = "map";
	return 0;
}

static int drop(void **state)
{
	(void)state;
	free(text);
	text = NULL;
	return 0;
}

static void print(enum metrics_format format)
{
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	metrics_print(out, &metrics, format);
	assert_int_equal(fclose(out), 0);
}

/* The line is there, as a whole. */
static bool has(const char *line)
{
	size_t length = strlen(line);

	for (const char *at = text; (at = strstr(at, line)); at++)
		if ((at == text || at[-1] == '\n') && at[length] == '\n')
			return true;
	return false;
}

static void assert_has(const char *line)
{
	if (!has(line))
		fail_msg("no line %s in\n%s", line, text);
}

static struct hc_service *service(int id, const char *name)
{
	struct hc_service *service = &metrics.policy.services[id];

	service->used = true;
	service->cap = service->total = HC_UNLIMITED;
	strcpy(service->name, name);
	return service;
}

/* 1 of at most 1 ms, 2 of at most 10 ms, ...: each bucket has those before it. */
static void durations(void **state)
{
	static const char *const lines[] = {
		"{service=\"imap\",le=\"0.001\"} 1",    "{service=\"imap\",le=\"0.01\"} 3",
		"{service=\"imap\",le=\"0.1\"} 6",      "{service=\"imap\",le=\"1.0\"} 10",
		"{service=\"imap\",le=\"10.0\"} 15",    "{service=\"imap\",le=\"60.0\"} 21",
		"{service=\"imap\",le=\"600.0\"} 28",   "{service=\"imap\",le=\"3600.0\"} 36",
		"{service=\"imap\",le=\"21600.0\"} 45", "{service=\"imap\",le=\"86400.0\"} 55",
		"{service=\"imap\",le=\"+Inf\"} 66",
	};
	char line[128];

	(void)state;
	service(7, "imap");
	for (int i = 0; i < HC_LASTED_COUNT; i++)
		metrics.counters[7].lasted[i] = i + 1;
	metrics.counters[7].lasted_ns = 12000000034;
	print(METRICS_PROMETHEUS);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		snprintf(line, sizeof(line), "headcount_session_duration_seconds_bucket%s",
			 lines[i]);
		assert_has(line);
	}
	assert_has("headcount_session_duration_seconds_sum{service=\"imap\"} 12.000000034");
	assert_has("headcount_session_duration_seconds_count{service=\"imap\"} 66");
}

static void services(void **state)
{
	char line[128];

	(void)state;
	service(HC_OUTBOUND_SERVICE, "outbound")->cap = 0;
	service(9, "imap")->total = 40;
	metrics.sessions[HC_OUTBOUND_SERVICE] = 3;
	metrics.sessions[9] = 5;
	metrics.sessions[10] = 99; /* no service */
	metrics.counters[9].refused[HC_SCOPE_USER][HC_REJECT] = 1;
	metrics.counters[9].refused[HC_SCOPE_TOTAL][HC_WAIT] = 2;
	for (int end = 0; end < HC_END_COUNT; end++)
		metrics.counters[9].closed[end] = 100 + end;
	print(METRICS_PROMETHEUS);
	assert_has("headcount_sessions{service=\"outbound\",direction=\"outbound\"} 3");
	assert_has("headcount_sessions{service=\"imap\",direction=\"inbound\"} 5");
	assert_null(strstr(text, "99"));
	assert_has("headcount_session_cap{service=\"outbound\"} 0");
	assert_null(strstr(text, "headcount_session_cap{service=\"imap\"}"));
	assert_has("headcount_service_cap{service=\"imap\"} 40");
	assert_has("headcount_sessions_refused_total{service=\"imap\",scope=\"user\",excess="
		   "\"reject\"} 1");
	assert_has("headcount_sessions_refused_total{service=\"imap\",scope=\"total\",excess="
		   "\"wait\"} 2");
	for (int end = 0; end < HC_END_COUNT; end++) {
		snprintf(line, sizeof(line),
			 "headcount_sessions_closed_total{service=\"imap\",reason=\"%s\"} %d",
			 word_of_end(end), 100 + end);
		assert_has(line);
	}
}

/* The two formats differ in what a family is called, and in the end. */
static void formats(void **state)
{
	(void)state;
	service(9, "imap");
	print(METRICS_PROMETHEUS);
	assert_has("# TYPE headcount_sessions_opened_total counter");
	assert_has("# TYPE headcount_build_info gauge");
	assert_null(strstr(text, "# EOF"));
	assert_null(strstr(text, "# UNIT"));
	drop(NULL);
	print(METRICS_OPEN);
	assert_has("# TYPE headcount_sessions_opened counter");
	assert_has("headcount_sessions_opened_total{service=\"imap\"} 0");
	assert_has("# TYPE headcount_build info");
	assert_has("headcount_build_info{version=\"" HC_VERSION "\"} 1");
	assert_has("# UNIT headcount_session_duration_seconds seconds");
	assert_string_equal(strchr(strstr(text, "# EOF"), '\n'), "\n");
}

/* What has no sample has no head either; programs count only when they are measured. */
static void programs(void **state)
{
	struct links_row row = {.program = "on_state", .missed = 3, .runs = 4, .ns = 5};

	(void)state;
	print(METRICS_PROMETHEUS);
	assert_null(strstr(text, "headcount_bpf_program"));
	assert_null(strstr(text, "headcount_user_"));
	drop(NULL);
	metrics.programs = &row;
	metrics.program_count = 1;
	print(METRICS_PROMETHEUS);
	assert_has("headcount_bpf_program_missed_total{program=\"on_state\"} 3");
	assert_null(strstr(text, "headcount_bpf_program_runs"));
	drop(NULL);
	metrics.measured = true;
	print(METRICS_PROMETHEUS);
	assert_has("headcount_bpf_program_runs_total{program=\"on_state\"} 4");
	assert_has("headcount_bpf_program_seconds_total{program=\"on_state\"} 0.000000005");
}

/* A name with all that could end a label or a line. */
static void users(void **state)
{
	struct state_user users[2] = {
		{.user = {.key = {.service = 9}, .cap = 5, .refused = 6}},
		{.user = {.key = {.service = 9, .kind = HC_BY_UID, .uid = 7},
			  .cap = HC_UNLIMITED}},
	};

	(void)state;
	service(9, "imap");
	be_labelled(&users[0].user.key, "a\"b\\c\nd\x1b\xff"
					"e");
	users[0].user.word = 4;
	metrics.top = users;
	metrics.top_count = 2;
	print(METRICS_PROMETHEUS);
	assert_has("headcount_user_sessions{service=\"imap\","
		   "user=\"a\\\"b%5cc%0ad%1b%ffe\"} 4");
	assert_has("headcount_user_sessions{service=\"imap\",user=\"7\"} 0");
	assert_non_null(strstr(text, "headcount_user_cap{"));
	assert_null(strstr(text, "headcount_user_cap{service=\"imap\",user=\"7\"}"));
	assert_has("headcount_user_refused_total{service=\"imap\",user=\"7\"} 0");
}

/* Each reason is told once, whatever its kind. */
static void losses(void **state)
{
	char word[64];

	(void)state;
	for (int reason = 0; reason < HC_LOSS_COUNT; reason++)
		metrics.losses[reason] = 1000 + reason;
	print(METRICS_PROMETHEUS);
	for (int reason = 0; reason < HC_LOSS_COUNT; reason++) {
		const char *first;

		snprintf(word, sizeof(word), " %d\n", 1000 + reason);
		first = strstr(text, word);
		assert_non_null(first);
		assert_null(strstr(first + 1, word));
	}
	assert_has("headcount_events_lost_total{reason=\"ring-full\"} 1004");
	assert_has("headcount_untracked_total{reason=\"users-full\"} 1001");
}

/* Without a fleet there is nothing of one. */
static void fleet(void **state)
{
	struct hc_fleet_status *status = &metrics.fleet;

	(void)state;
	print(METRICS_PROMETHEUS);
	assert_null(strstr(text, "headcount_fleet"));
	free(text);
	status->shards = 2;
	status->users = 5;
	status->units = 7;
	status->debts = 1;
	status->closed = 3;
	status->shard[0] = (struct hc_fleet_shard){
		.members = 50,
		.ready = 1,
		.round_trip_ns = 1500000,
		.epoch = "12.abc",
		.counts = {.messages = 9, .asks = 4, .short_of = 2, .late = 6},
	};
	status->shard[1].alone_since_ns = 1;
	print(METRICS_PROMETHEUS);
	assert_has("headcount_fleet_members{shard=\"0\"} 50");
	assert_has("headcount_fleet_alone{shard=\"0\"} 0");
	assert_has("headcount_fleet_alone{shard=\"1\"} 1");
	assert_has("headcount_fleet_ready{shard=\"1\"} 0");
	assert_has("headcount_fleet_epoch{shard=\"0\"} 12");
	assert_has("headcount_fleet_lease_seconds{shard=\"1\"} 0.000000000");
	assert_has("headcount_fleet_round_trip_seconds{shard=\"0\"} 0.001500000");
	assert_has("headcount_fleet_users 5");
	assert_has("headcount_fleet_units 7");
	assert_has("headcount_fleet_debts 1");
	assert_has("headcount_fleet_messages_total{shard=\"0\"} 9");
	assert_has("headcount_fleet_asks_total{shard=\"0\"} 4");
	assert_has("headcount_fleet_short_total{shard=\"0\"} 2");
	assert_has("headcount_fleet_failures_total{shard=\"0\",reason=\"late\"} 6");
	assert_has("headcount_fleet_sessions_closed_total 3");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(durations, clear, drop),
		cmocka_unit_test_setup_teardown(services, clear, drop),
		cmocka_unit_test_setup_teardown(formats, clear, drop),
		cmocka_unit_test_setup_teardown(programs, clear, drop),
		cmocka_unit_test_setup_teardown(users, clear, drop),
		cmocka_unit_test_setup_teardown(losses, clear, drop),
		cmocka_unit_test_setup_teardown(fleet, clear, drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
