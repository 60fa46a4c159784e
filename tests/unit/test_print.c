// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "print_samples.h"
#include "user/base/user_name.h"
#include "labels.h"
#include "user/fleet/askers.h"

#define ORIGIN ",\"host.name\":\"front\\u00227\",\"agent.ephemeral_id\":\"8a4f500f9c3d21e7\""

#define HEAD(time, type, action, sequence)                                                     \
	"{\"@timestamp\":\"2023-11-14T22:" time "Z\",\"event.kind\":\"event\","                \
	"\"event.category\":[\"network\"],\"event.type\":[" type "],"                          \
	"\"event.action\":\"" action "\",\"event.dataset\":\"headcount.session\","             \
	"\"event.sequence\":" sequence ORIGIN

#define TCP4(direction)                                                                        \
	",\"network.transport\":\"tcp\",\"network.type\":\"ipv4\","                            \
	"\"network.direction\":\"" direction "\""

#define IMAP_OWNER                                                                             \
	",\"user.id\":\"0\",\"user.name\":\"root\",\"process.pid\":4321,"                      \
	"\"process.name\":\"dovecot\",\"rule.name\":\"imap\""

#define IMAP_CHARGE                                                                            \
	",\"headcount.user\":\"10.20.30.40\",\"headcount.active\":3,\"headcount.cap\":32"

#define IMAP_ID ",\"network.community_id\":\"1:7c4yGNum2VVaz6vXe27mKDRVXp8=\""

static void json_opened(void **state)
{
	struct hc_event event = inbound(HC_OPENED);

	(void)state;
	print_json_event(&buffer, &context, &event);
	assert_int_equal(context.sequence, 7);
	printed(HEAD("14:25.001234567", "\"connection\",\"start\"", "session-opened",
		     "7") ",\"event.start\":\"2023-11-14T22:13:25.000000000Z\""
			  ",\"source.ip\":\"10.20.30.40\",\"source.port\":51234"
			  ",\"destination.ip\":\"192.168.10.2\",\"destination.port\":993" TCP4(
				  "ingress") IMAP_ID IMAP_OWNER IMAP_CHARGE
		",\"headcount.session.id\":77}\n");

	event.start_ns = 0;
	event.flags |= HC_F_FOUND | HC_F_LATE;
	event.uid = HC_UID_UNKNOWN;
	event.pid = 0;
	*event.comm = '\0';
	event.user.service = 9; /* has no name any more */
	print_json_event(&buffer, &context, &event);
	printed(HEAD("14:25.001234567", "\"connection\",\"start\"", "session-opened",
		     "8") ",\"headcount.found\":true"
			  ",\"source.ip\":\"10.20.30.40\",\"source.port\":51234"
			  ",\"destination.ip\":\"192.168.10.2\",\"destination.port\":993" TCP4(
				  "ingress") IMAP_ID IMAP_CHARGE
		",\"headcount.session.id\":77,\"headcount.late\":true}\n");
}

static void json_closed_inbound(void **state)
{
	struct hc_event event = inbound(HC_CLOSED);

	(void)state;
	closed_with_traffic(&event);
	event.flags |= HC_F_ORPHAN;
	event.half_closed = 0;
	print_json_event(&buffer, &context, &event);
	printed(HEAD("14:25.001234567", "\"connection\",\"end\"", "session-closed",
		     "7") ",\"event.start\":\"2023-11-14T22:13:25.000000000Z\""
			  ",\"event.end\":\"2023-11-14T22:14:25.001234567Z\""
			  ",\"event.duration\":60001234567,\"event.reason\":\"finished\""
			  ",\"source.ip\":\"10.20.30.40\",\"source.port\":51234,\"source."
			  "bytes\":1234"
			  ",\"destination.ip\":\"192.168.10.2\",\"destination.port\":993"
			  ",\"destination.bytes\":56789" TCP4("ingress")
				  IMAP_ID IMAP_OWNER IMAP_CHARGE
		",\"headcount.session.id\":77,\"headcount.srtt_us\":1234"
		",\"headcount.retransmits\":2"
		",\"headcount.idle_ms\":1500"
		",\"headcount.heard_ms\":null,\"headcount.send_queue\":4096"
		",\"headcount.unanswered\":9"
		",\"headcount.orphan\":true,\"headcount.half_closed_ms\":0}\n");
}

static void json_closed_outbound(void **state)
{
	struct hc_event event = outbound(HC_CLOSED);

	(void)state;
	closed_with_traffic(&event);
	event.flags |= HC_F_FOUND; /* no start, and so no duration */
	event.start_ns = 0;
	print_json_event(&buffer, &context, &event);
	printed(HEAD("13:21.000000000", "\"connection\",\"end\"", "session-closed",
		     "7") ",\"event.end\":\"2023-11-14T22:13:21.000000000Z\",\"event.reason\":"
			  "\"finished\""
			  ",\"source.ip\":\"192.168.10.2\",\"source.port\":40000,\"source."
			  "bytes\":56789"
			  ",\"destination.ip\":\"198.51.100.9\",\"destination.port\":443"
			  ",\"destination.bytes\":1234" TCP4(
				  "egress") ",\"network.community_id\":\"1:"
					    "XruKVKezwjBEQrQLB1IV71+mxLo=\""
					    ",\"user.id\":\"3999999999\",\"process.pid\":99,"
					    "\"process.name\":\"curl\""
					    ",\"rule.name\":\"outbound\",\"headcount.user\":"
					    "\"3999999999\""
					    ",\"headcount.active\":1,\"headcount.cap\":null"
					    ",\"headcount.session.id\":18446744073709551615"
					    ",\"headcount.srtt_us\":1234,\"headcount."
					    "retransmits\":2"
					    ",\"headcount.idle_ms\":1500"
					    ",\"headcount.heard_ms\":null,\"headcount.send_"
					    "queue\":4096"
					    ",\"headcount.unanswered\":9"
					    ",\"headcount.orphan\":false"
					    ",\"headcount.half_closed_ms\":null}\n");
}

static void json_refused(void **state)
{
	struct hc_event event = inbound(HC_REFUSED);

	(void)state;
	event.id = 0;
	event.suppressed = 12;
	print_json_event(&buffer, &context, &event);
	printed(HEAD("14:25.001234567", "\"connection\",\"denied\"", "session-refused",
		     "7") ",\"source.ip\":\"10.20.30.40\",\"source.port\":51234"
			  ",\"destination.ip\":\"192.168.10.2\",\"destination.port\":993" TCP4(
				  "ingress") IMAP_ID IMAP_OWNER IMAP_CHARGE
		",\"headcount.suppressed\":12,\"headcount.scope\":\"user\""
		",\"headcount.excess\":\"reject\"}\n");

	event = outbound(HC_REFUSED); /* before it has a port, or even an address */
	event.flags |= HC_F_OBSERVED | HC_F_TOTAL;
	event.excess = HC_OBSERVE;
	event.ends.local_port = 0;
	memset(event.ends.local, 0, 16);
	event.id = 0;
	print_json_event(&buffer, &context, &event);
	printed(HEAD("13:21.000000000", "\"connection\",\"allowed\"", "session-refused",
		     "8") ",\"destination.ip\":\"198.51.100.9\",\"destination.port\":"
			  "443" TCP4("egress") ",\"user.id\":\"3999999999\",\"process.pid\":"
					       "99,\"process.name\":\"curl\""
					       ",\"rule.name\":\"outbound\",\"headcount."
					       "user\":\"3999999999\""
					       ",\"headcount.active\":1,\"headcount.cap\":"
					       "null"
					       ",\"headcount.suppressed\":0,\"headcount."
					       "scope\":\"total\""
					       ",\"headcount.excess\":\"observe\"}\n");
}

/* It is no end: neither reason nor bytes. */
static void json_killed(void **state)
{
	struct hc_event event = inbound(HC_KILLED);

	(void)state;
	event.asker = NOBODYS_UID;
	print_json_event(&buffer, &context, &event);
	printed(HEAD("14:25.001234567", "\"connection\",\"info\"", "session-killed",
		     "7") ",\"event.start\":\"2023-11-14T22:13:25.000000000Z\""
			  ",\"source.ip\":\"10.20.30.40\",\"source.port\":51234"
			  ",\"destination.ip\":\"192.168.10.2\",\"destination.port\":993" TCP4(
				  "ingress") IMAP_ID IMAP_OWNER
		",\"headcount.user\":\"10.20.30.40\""
		",\"headcount.session.id\":77"
		",\"headcount.killed_by.id\":\"3999999999\"}\n");

	/* Its uid is one of elsewhere. */
	event.asker = 0;
	event.newcomer_port = askers_number("front2");
	print_json_event(&buffer, &context, &event);
	*print_reserve(&buffer, 1) = '\0';
	assert_non_null(strstr(buffer.data, "\"headcount.killed_by.id\":\"0\","
					    "\"headcount.killed_by.host\":\"front2\"}\n"));
	buffer.length = 0;
	event.newcomer_port = 99;
	print_json_event(&buffer, &context, &event);
	*print_reserve(&buffer, 1) = '\0';
	assert_non_null(strstr(buffer.data, "\"headcount.killed_by.id\":\"0\"}\n"));
	buffer.length = 0;
	event.newcomer_port = 0;
	event.end = HC_END_IDLE;
	event.start_ns = 0;
	event.flags |= HC_F_FOUND;
	print_json_event(&buffer, &context, &event);
	*print_reserve(&buffer, 1) = '\0';
	assert_non_null(strstr(buffer.data, "\"headcount.killed_by.id\":\"0\","
					    "\"headcount.killed_by.name\":\"root\"}\n"));
	assert_non_null(strstr(buffer.data, ",\"event.reason\":\"idle\","));
	assert_null(strstr(buffer.data, "event.start"));
	assert_null(strstr(buffer.data, "event.end"));
	buffer.length = 0;

	killed_by_evict(&event);
	print_json_event(&buffer, &context, &event);
	*print_reserve(&buffer, 1) = '\0';
	assert_non_null(strstr(buffer.data, ",\"event.reason\":\"evict\","));
	assert_non_null(strstr(buffer.data, ",\"headcount.evicted.evidence\":\"unanswered\""
					    ",\"headcount.idle_ms\":65000"
					    ",\"headcount.heard_ms\":null"
					    ",\"headcount.unanswered\":4"
					    ",\"headcount.evicted.for.ip\":\"10.20.30.41\""
					    ",\"headcount.evicted.for.port\":40000}\n"));
	buffer.length = 0;
	event.evidence = HC_EVIDENCE_IDLE;
	event.newcomer_port = 0;
	memset(event.newcomer, 0, sizeof(event.newcomer));
	print_json_event(&buffer, &context, &event);
	*print_reserve(&buffer, 1) = '\0';
	assert_non_null(strstr(buffer.data, "evidence\":\"idle\","));
	assert_non_null(strstr(buffer.data, ",\"headcount.unanswered\":4}\n"));
}

static void json_ipv6_user(void **state)
{
	struct hc_event event = inbound(HC_REFUSED);

	(void)state;
	event.flags = 0;
	address(event.ends.local, "2001:db8::25");
	address(event.ends.remote, "2001:db8:1:2::7");
	address(event.user.id, "2001:db8:1:2::");
	event.user.prefix = 64;
	print_json_event(&buffer, &context, &event);
	printed(HEAD(
		"14:25.001234567", "\"connection\",\"denied\"", "session-refused",
		"7") ",\"source.ip\":\"2001:db8:1:2::7\",\"source.port\":51234"
		     ",\"destination.ip\":\"2001:db8::25\",\"destination.port\":993"
		     ",\"network.transport\":\"tcp\",\"network.type\":\"ipv6\""
		     ",\"network.direction\":\"ingress\""
		     ",\"network.community_id\":\"1:OGHGwRwqquNCk+TXLg4730eJ9s8=\"" IMAP_OWNER
		     ",\"headcount.user\":\"2001:db8:1:2::/64\",\"headcount.active\":3"
		     ",\"headcount.cap\":32,\"headcount.session.id\":77,\"headcount."
		     "suppressed\":0"
		     ",\"headcount.scope\":\"user\",\"headcount.excess\":\"reject\"}\n");
}

/* Outsiders' bytes do not get out of their string, and a comm needs no NUL. */
static void json_hostile(void **state)
{
	struct hc_event event = inbound(HC_OPENED);

	(void)state;
	memcpy(event.comm, "\"},{\n\x80\xe2\x80\xa8xxxxxxx", sizeof(event.comm));
	be_labelled(&event.user, "\\\"\x01\xff");
	print_json_event(&buffer, &context, &event);
	*print_reserve(&buffer, 1) = '\0';
	assert_non_null(
		strstr(buffer.data,
		       ",\"process.name\":\"\\u0022},{\\u000a\xef\xbf\xbd\\u2028xxxxxxx\""));
	assert_non_null(strstr(buffer.data, ",\"headcount.user\":\"%5c\\u0022%01%ff\","));
}

static void json_lost(void **state)
{
	(void)state;
	print_json_lost(&buffer, &context, 90061 * SECOND, "ring-full", 250);
	assert_int_equal(context.sequence, 7);
	printed("{\"@timestamp\":\"2023-11-15T23:14:21.000000000Z\",\"event.kind\":\"event\","
		"\"event.category\":[\"network\"],\"event.type\":[\"info\"],"
		"\"event.action\":\"events-lost\",\"event.dataset\":\"headcount.session\","
		"\"event.sequence\":7" ORIGIN ",\"event.reason\":\"ring-full\","
		"\"headcount.events-lost\":250}\n");
}

static void buffer_grows(void **state)
{
	struct hc_event event = outbound(HC_OPENED);
	size_t length, i;

	(void)state;
	context.sequence = 1000000;
	print_json_event(&buffer, &context, &event);
	length = buffer.length;
	for (i = 1; i < 2000; i++)
		print_json_event(&buffer, &context, &event);
	assert_int_equal(buffer.length, 2000 * length);
	for (i = 0; i < 2000; i++) {
		assert_int_equal(buffer.data[i * length], '{');
		assert_int_equal(buffer.data[(i + 1) * length - 1], '\n');
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(json_opened, set_up),
		cmocka_unit_test_setup(json_closed_inbound, set_up),
		cmocka_unit_test_setup(json_closed_outbound, set_up),
		cmocka_unit_test_setup(json_refused, set_up),
		cmocka_unit_test_setup(json_killed, set_up),
		cmocka_unit_test_setup(json_ipv6_user, set_up),
		cmocka_unit_test_setup_teardown(json_hostile, set_up, tear_down),
		cmocka_unit_test_setup(json_lost, set_up),
		cmocka_unit_test_setup_teardown(buffer_grows, set_up, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, tear_down);
}
