// SPDX-License-Identifier: GPL-2.0-only
/* What `events` makes of the lines that the daemon prints. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "user/base/words.h"
#include "user/events/event_line.h"
#include "user/fleet/askers.h"
#include "print_samples.h"
#include "user/base/user_name.h"
#include "user/events/print_zeek.h"

#define CLIENT "1700000005.000000\t77\t10.20.30.40\t51234\t192.168.10.2\t993\ttcp\t"

static struct event_line line;

static struct event_line *parse_printed(const struct hc_event *event)
{
	buffer.length = 0;
	print_json_event(&buffer, &context, event);
	assert_int_equal(event_line_sequence(buffer.data, buffer.length), context.sequence);
	assert_int_equal(event_line_parse(&line, buffer.data, buffer.length), 0);
	buffer.length = 0;
	return &line;
}

/* The text of the line is that of the event it was made of. */
static void same_text(const struct hc_event *event)
{
	struct print_context plain = {};
	char *want;

	buffer.length = 0;
	print_text_event(&buffer, &context, event);
	*print_reserve(&buffer, 1) = '\0';
	want = strdup(buffer.data);
	parse_printed(event);
	print_text_row(
		&buffer, &plain, &line.event,
		&(struct print_names){line.service, line.user, line.process, line.before});
	printed(want);
	free(want);
	event_line_free(&line);
}

static void text_again(void **state)
{
	struct hc_event event = inbound(HC_OPENED);

	(void)state;
	same_text(&event);
	event.flags |= HC_F_FOUND | HC_F_LATE;
	event.start_ns = 0;
	same_text(&event);
	event = inbound(HC_CLOSED);
	closed_with_traffic(&event);
	memcpy(event.comm, "a\x1b\"\\\n\xc3\xa9", 8);
	same_text(&event);
	event.flags |= HC_F_FOUND;
	event.start_ns = 0;
	same_text(&event);
	for (int end = 0; end < HC_END_COUNT; end++) {
		event.end = end;
		same_text(&event);
	}
	event = outbound(HC_REFUSED);
	event.cap = 3;
	event.suppressed = 7;
	same_text(&event);
	event.flags |= HC_F_TOTAL;
	same_text(&event);
	event.flags |= HC_F_OBSERVED;
	event.excess = HC_OBSERVE;
	same_text(&event);
	address(event.ends.remote, "2001:db8::1");
	event.flags &= ~HC_F_IPV4;
	same_text(&event);
	event = inbound(HC_KILLED);
	event.asker = 3999999999;
	same_text(&event);
	event.newcomer_port = askers_number("front2");
	same_text(&event);
	event.newcomer_port = 0;
	killed_by_evict(&event);
	same_text(&event);
	event.evidence = HC_EVIDENCE_IDLE;
	address(event.newcomer, "2001:db8::41");
	event.newcomer_port = 0;
	same_text(&event);
}

static void numbers(void **state)
{
	struct hc_event event = outbound(HC_CLOSED);

	(void)state;
	closed_with_traffic(&event);
	parse_printed(&event);
	assert_int_equal(line.event.id, 18446744073709551615ull);
	assert_int_equal(line.event.cap, HC_UNLIMITED);
	assert_int_equal(line.event.time_ns, 1700000001 * SECOND);
	assert_int_equal(line.event.rx_bytes, 1234);
	assert_int_equal(line.event.tx_bytes, 56789);
	assert_string_equal(line.service, "outbound");
	assert_string_equal(line.user, "3999999999");
	event_line_free(&line);
}

static void lost(void **state)
{
	(void)state;
	print_json_lost(&buffer, &context, SECOND, "ring-full", 12);
	assert_int_equal(event_line_parse(&line, buffer.data, buffer.length), 0);
	assert_true(event_line_is(&line, ACTION_LOST));
	assert_int_equal(line.lost, 12);
	assert_string_equal(line.reason, "ring-full");
	event_line_free(&line);
	buffer.length = 0;
	print_json_lost(&buffer, &context, SECOND, "daemon-restarted", PRINT_LOST_UNKNOWN);
	assert_int_equal(event_line_parse(&line, buffer.data, buffer.length), 0);
	assert_int_equal(line.lost, PRINT_LOST_UNKNOWN);
	event_line_free(&line);
}

static void no_events(void **state)
{
	static const char *const texts[] = {"", "x", "[]", "3", "null", "{\"a\":", "\"a\""};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		assert_int_equal(event_line_parse(&line, texts[i], strlen(texts[i])), -EINVAL);
	assert_int_equal(event_line_parse(&line, "{}", 2), 0);
	assert_string_equal(line.service, "");
	event_line_free(&line);
	assert_int_equal(event_line_sequence("{}", 2), 0);
}

/* The origin of a line is found in it, whatever the host is called, and another run's is not.
 */
static void origins(void **state)
{
	static const char *const texts[] = {
		"",
		"{\"event.sequence\":7}",
		",\"host.name\":\"",
		",\"host.name\":\"a\"",
		",\"host.name\":\"a\",\"agent.ephemeral_id\":\"",
		",\"host.name\":\"a\",\"agent.ephemeral_id\":\"8a4f"};
	struct hc_event event = inbound(HC_OPENED);
	struct origin found = {}, other;
	char name[2 * HOST_NAME_ROOM], endless[2 * ORIGIN_ROOM];

	(void)state;
	memset(name, '\x01', sizeof(name));
	strcpy(name + sizeof(name) - 1, "");
	memcpy(name, "\",\"", 3);
	origin_begin(&origin, name);
	print_json_event(&buffer, &context, &event);
	origin_of_line(&found, buffer.data, buffer.length);
	assert_int_equal(found.length, origin.length);
	assert_memory_equal(found.text, origin.text, found.length);
	assert_true(origin_has_line(&found, buffer.data, buffer.length));
	origin_begin(&other, name);
	assert_int_equal(other.length, origin.length);
	assert_false(origin_has_line(&other, buffer.data, buffer.length));
	buffer.length = 0;
	for (size_t i = 0; i < COUNT(texts); i++) {
		found.length = 1;
		origin_of_line(&found, texts[i], strlen(texts[i]));
		assert_int_equal(found.length, 0);
		assert_false(origin_has_line(&found, texts[i], strlen(texts[i])));
	}
	snprintf(endless, sizeof(endless), "%s%0*d\"", texts[4], ORIGIN_ROOM, 1);
	origin_of_line(&found, endless, strlen(endless)); /* has no room */
	assert_int_equal(found.length, 0);
}

static void zeek(const struct hc_event *event, const char *expected)
{
	parse_printed(event);
	print_zeek_event(&buffer, &line);
	print_commit(&buffer, print_reserve(&buffer, 1)); /* so that there is one */
	printed(expected);
	event_line_free(&line);
}

static void zeek_states(void **state)
{
	static const char *const want[][2] = {
		[HC_END_UNKNOWN] = {"OTH", "OTH"},   [HC_END_FINISHED] = {"SF", "SF"},
		[HC_END_RESET] = {"RSTR", "RSTO"},   [HC_END_TIMEOUT] = {"S0", "S1"},
		[HC_END_REFUSED] = {"REJ", "REJ"},   [HC_END_ABANDONED] = {"S0", "S0"},
		[HC_END_UNREACHABLE] = {"S0", "S1"}, [HC_END_ABORTED] = {"RSTO", "RSTR"},
		[HC_END_KILLED] = {"RSTO", "RSTR"},  [HC_END_IDLE] = {"RSTO", "RSTR"},
		[HC_END_ALONE] = {"RSTO", "RSTR"},   [HC_END_EVICTED] = {"RSTO", "RSTR"},
	};
	char text[256];

	(void)state;
	for (int end = 0; end < HC_END_COUNT; end++) {
		struct hc_event in = inbound(HC_CLOSED), out = outbound(HC_CLOSED);

		in.end = out.end = end;
		snprintf(text, sizeof(text),
			 CLIENT "imap\t60.001234\t0\t0\t%s\t-\tT\t-\t-\t-\t-\t-\t-\t-\n",
			 want[end][HC_INBOUND]);
		zeek(&in, text);
		snprintf(
			text, sizeof(text),
			"1700000001.000000\t18446744073709551615\t192.168.10.2\t40000\t198.51."
			"100.9"
			"\t443\ttcp\toutbound\t0.000000\t0\t0\t%s\tT\t-\t-\t-\t-\t-\t-\t-\t-\n",
			want[end][HC_OUTBOUND]);
		zeek(&out, text);
	}
}

static void zeek_lines(void **state)
{
	struct hc_event event = inbound(HC_OPENED);

	(void)state;
	zeek(&event, "");
	event = inbound(HC_CLOSED);
	closed_with_traffic(&event);
	zeek(&event, CLIENT "imap\t60.001234\t1234\t56789\tSF\t-\tT\t-\t-\t-\t-\t-\t-\t-\n");
	event = outbound(HC_CLOSED);
	event.end = HC_END_TIMEOUT;
	event.srtt_us = 3;
	event.flags |= HC_F_FOUND;
	event.start_ns = 0;
	zeek(&event,
	     "1700000001.000000\t18446744073709551615\t192.168.10.2\t40000\t198.51.100.9"
	     "\t443\ttcp\toutbound\t-\t0\t0\tS1\tT\t-\t-\t-\t-\t-\t-\t-\t-\n");
	event = inbound(HC_REFUSED);
	event.id = 0;
	event.ends.remote_port = 0;
	strcpy(names[2], "a\tb\\\xff");
	zeek(&event, "1700000065.001234\t-\t10.20.30.40\t-\t192.168.10.2\t993\ttcp\t"
		     "a\\x09b\\x5c\\xef\\xbf\\xbd\t-\t-\t-\tREJ\t-\tT\t-\t-\t-\t-\t-\t-\t-\n");
	strcpy(names[2], "-");
	zeek(&event, "1700000065.001234\t-\t10.20.30.40\t-\t192.168.10.2\t993\ttcp\t\\x2d"
		     "\t-\t-\t-\tREJ\t-\tT\t-\t-\t-\t-\t-\t-\t-\n");
	strcpy(names[2], "imap");
	event.flags |= HC_F_OBSERVED;
	event.excess = HC_OBSERVE;
	zeek(&event, "");
}

static void zeek_header(void **state)
{
	const char *types, *fields;
	int tabs = 0;

	(void)state;
	setenv("TZ", "UTC", 1);
	print_zeek_header(&buffer, 1700000000);
	*print_reserve(&buffer, 1) = '\0';
	fields = strstr(buffer.data, "#fields\tts\tuid\tid.orig_h");
	types = strstr(buffer.data, "#types\ttime\tstring\taddr");
	assert_non_null(fields);
	assert_non_null(types);
	for (const char *p = fields; *p; p++)
		tabs += (*p == '\t') * (p < types ? 1 : -1);
	assert_int_equal(tabs, 0);
	assert_non_null(strstr(buffer.data, "#path\tconn\n#open\t2023-11-14-22-13-20\n"));
	buffer.length = 0;
	print_zeek_close(&buffer, 1700000000);
	printed("#close\t2023-11-14-22-13-20\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(text_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(numbers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(lost, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_events, set_up, tear_down),
		cmocka_unit_test_setup_teardown(origins, set_up, tear_down),
		cmocka_unit_test_setup_teardown(zeek_states, set_up, tear_down),
		cmocka_unit_test_setup_teardown(zeek_lines, set_up, tear_down),
		cmocka_unit_test_setup_teardown(zeek_header, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
