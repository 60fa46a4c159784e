// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "print_samples.h"
#include "user/fleet/askers.h"

#define BEFORE 111 /* characters before the column LASTED */
#define WIDEST 231 /* what a line takes at most on a terminal */

static void text_header(void **state)
{
	(void)state;
	print_text_header(&buffer, &context);
	printed("TIME         EVENT   DIR SERVICE  USER          PROCESS        "
		"    LOCAL                 REMOTE                LASTED    RX    TX RTT(ms) "
		"END\n");
}

static void text_session(void **state)
{
	struct hc_event event = inbound(HC_OPENED);

	(void)state;
	print_text_event(&buffer, &context, &event);
	printed("22:14:25.001 open    in  imap     10.20.30.40   dovecot/4321       "
		"192.168.10.2:993      "
		"10.20.30.40:51234\n");
	event.flags |= HC_F_FOUND | HC_F_LATE;
	print_text_event(&buffer, &context, &event);
	printed("22:14:25.001 open    in  imap     10.20.30.40   dovecot/4321       "
		"192.168.10.2:993      "
		"10.20.30.40:51234     was there before late\n");
	event = inbound(HC_CLOSED);
	closed_with_traffic(&event);
	print_text_event(&buffer, &context, &event);
	assert_int_equal(context.sequence, 9);
	printed("22:14:25.001 close   in  imap     10.20.30.40   dovecot/4321       "
		"192.168.10.2:993      "
		"10.20.30.40:51234      1m00s  1.2K   55K    1.23 finished\n");
}

static void text_refusal(void **state)
{
	struct hc_event event = outbound(HC_REFUSED);

	(void)state;
	memset(event.ends.local, 0, 16);
	event.ends.local_port = 0;
	event.cap = 10;
	print_text_event(&buffer, &context, &event);
	printed("22:13:21.000 refuse  out outbound 3999999999    curl/99            -          "
		"    "
		"       "
		"198.51.100.9:443      cap 10\n");
	event.flags |= HC_F_OBSERVED;
	event.excess = HC_OBSERVE;
	event.suppressed = 7;
	print_text_event(&buffer, &context, &event);
	printed("22:13:21.000 observe out outbound 3999999999    curl/99            -          "
		"    "
		"       "
		"198.51.100.9:443      cap 10 (+7 suppressed)\n");
	event.flags |= HC_F_TOTAL;
	event.pid = 0;
	*event.comm = '\0';
	print_text_event(&buffer, &context, &event);
	printed("22:13:21.000 observe out outbound 3999999999    -                  -          "
		"    "
		"       "
		"198.51.100.9:443      total reached (+7 suppressed)\n");
}

static void text_killed(void **state)
{
	struct hc_event event = inbound(HC_KILLED);

	(void)state;
	event.asker = NOBODYS_UID;
	print_text_event(&buffer, &context, &event);
	printed("22:14:25.001 kill    in  imap     10.20.30.40   dovecot/4321       "
		"192.168.10.2:993      "
		"10.20.30.40:51234     by 3999999999\n");
	event.asker = 0;
	print_text_event(&buffer, &context, &event);
	printed("22:14:25.001 kill    in  imap     10.20.30.40   dovecot/4321       "
		"192.168.10.2:993      "
		"10.20.30.40:51234     by root\n");
	event.newcomer_port = askers_number("front2");
	print_text_event(&buffer, &context, &event);
	printed("22:14:25.001 kill    in  imap     10.20.30.40   dovecot/4321       "
		"192.168.10.2:993      "
		"10.20.30.40:51234     by uid 0 of front2\n");
	event.newcomer_port = 0;
	event.end = HC_END_IDLE;
	print_text_event(&buffer, &context, &event);
	printed("22:14:25.001 kill    in  imap     10.20.30.40   dovecot/4321       "
		"192.168.10.2:993      "
		"10.20.30.40:51234     by root idle\n");
	killed_by_evict(&event);
	print_text_event(&buffer, &context, &event);
	printed("22:14:25.001 kill    in  imap     10.20.30.40   dovecot/4321       "
		"192.168.10.2:993      "
		"10.20.30.40:51234     by root evict: 4 unanswered, for 10.20.30.41:40000\n");
	event.evidence = HC_EVIDENCE_IDLE;
	memset(event.newcomer, 0, sizeof(event.newcomer));
	print_text_event(&buffer, &context, &event);
	printed("22:14:25.001 kill    in  imap     10.20.30.40   dovecot/4321       "
		"192.168.10.2:993      "
		"10.20.30.40:51234     by root evict: idle 1m05s, for ?\n");
}

/* A connect() that nobody answered was never open. */
static void text_attempts(void **state)
{
	static const struct {
		enum hc_end end;
		__u32 srtt_us;
		const char *word;
	} rows[] = {
		{HC_END_REFUSED, 0, "fail   "},     {HC_END_ABANDONED, 9, "fail   "},
		{HC_END_TIMEOUT, 0, "fail   "},     {HC_END_TIMEOUT, 9, "close  "},
		{HC_END_UNREACHABLE, 0, "fail   "}, {HC_END_FINISHED, 0, "close  "},
		{HC_END_RESET, 0, "close  "},       {HC_END_KILLED, 0, "fail   "},
		{HC_END_KILLED, 9, "close  "},
	};
	struct hc_event event = outbound(HC_OPENED);

	(void)state;
	print_text_event(&buffer, &context, &event);
	printed("22:13:21.000 connect out outbound 3999999999    curl/99            "
		"192.168.10.2:40000    198.51.100.9:443\n");
	event.flags |= HC_F_FOUND;
	print_text_event(&buffer, &context, &event);
	printed("22:13:21.000 open    out outbound 3999999999    curl/99            "
		"192.168.10.2:40000    198.51.100.9:443      was there before\n");
	event = outbound(HC_CLOSED);
	for (size_t i = 0; i < COUNT(rows); i++) {
		event.end = rows[i].end;
		event.srtt_us = rows[i].srtt_us;
		buffer.length = 0;
		print_text_event(&buffer, &context, &event);
		assert_memory_equal(buffer.data + 13, rows[i].word, 7);
	}
	buffer.length = 0;
}

/* Every line of a session with long cells, on a terminal of this width. */
static void on_terminal(unsigned int width)
{
	struct hc_event event = inbound(HC_CLOSED);
	size_t length;

	context.terminal = width;
	address(event.ends.local, "2001:db8:1000:2000:a000:b000:c000:d000");
	address(event.ends.remote, "2001:db8:1000:2000:a000:b000:c000:e000");
	address(event.user.id, "2001:db8:1000:2000::");
	event.user.prefix = 64;
	event.flags = 0;
	event.end = HC_END_UNREACHABLE;
	event.pid = 4194304;
	memcpy(event.comm, "\xc3\xa9\xc3\xa9\xc3\xa9 \xff/zzzzz", 15);
	print_text_event(&buffer, &context, &event);
	length = buffer.length - 1 - 3; /* three characters have two bytes */
	assert_int_equal(length, width < WIDEST ? width : WIDEST);
	event.type = HC_OPENED;
	event.flags = HC_F_FOUND | HC_F_LATE;
	buffer.length = 0;
	print_text_event(&buffer, &context, &event);
	assert_true(buffer.length - 1 - 3 <= width);
	buffer.length = 0;
	print_text_lost(
		&buffer, &context, SECOND,
		"a-reason-so-long-that-a-terminal-of-eighty-columns-has-no-room-for-all-of-it",
		1);
	assert_true(buffer.length - 1 <= width);
	buffer.length = 0;
}

static void text_terminal(void **state)
{
	struct hc_event event = inbound(HC_CLOSED);

	(void)state;
	for (unsigned int width = 80; width < 400; width++)
		on_terminal(width);
	context.terminal = 80;
	print_text_header(&buffer, &context);
	printed("TIME     EVENT   DIR PROCESS       PORT REMOTE                LASTED END\n");
	closed_with_traffic(&event);
	print_text_event(&buffer, &context, &event);
	printed("22:14:25 close   in  dovecot        993 10.20.30.40:51234      1m00s "
		"finished\n");
	address(event.ends.remote, "2001:db8:1:2:a:b:c:d");
	memcpy(event.comm, "systemd-resolve", 15);
	event.flags = 0;
	print_text_event(&buffer, &context, &event);
	printed("22:14:25 close   in  systemd-res~   993 [2001:db8:1:2:~:51234  1m00s "
		"finished\n");
	context.terminal = 86;
	print_text_event(&buffer, &context, &event);
	printed("22:14:25 close   in  systemd-reso~/4321   993 [2001:db8:1:2:~:51234  1m00s "
		"finished\n");
}

/* Long cells push the next ones aside; the line stays readable. */
static void text_long_cells(void **state)
{
	struct hc_event event = inbound(HC_CLOSED);

	(void)state;
	address(event.ends.local, "2001:db8::25");
	address(event.ends.remote, "2001:db8:1:2:a:b:c:d");
	address(event.user.id, "2001:db8:1:2::");
	event.user.prefix = 64;
	event.flags = 0;
	memcpy(event.comm, "a\x1b[31m\xc3\xa9 \xffzzzzz", sizeof(event.comm));
	print_text_event(&buffer, &context, &event);
	printed("22:14:25.001 close   in  imap     2001:db8:1:2::/64 "
		"a\\x1b[31m\xc3\xa9 \\xffzzzzz/4321 [2001:db8::25]:993 "
		"[2001:db8:1:2:a:b:c:d]:51234 1m00s 0 0 - unknown\n");
}

static void text_units(void **state)
{
	static const struct {
		__u64 ns, bytes;
		__u32 rtt;
		const char *tail;
	} rows[] = {
		{0, 0, 0, " 0.0ms     0     0       - unknown\n"},
		{999999, 1023, 9, " 0.9ms  1023  1023    0.00 unknown\n"},
		{10000000, 1024, 60, "  10ms  1.0K  1.0K    0.06 unknown\n"},
		{999999999, 10239, 99999, " 999ms  9.9K  9.9K   99.99 unknown\n"},
		{59999999999, 10240, 100000, " 59.9s   10K   10K     100 unknown\n"},
		{245 * SECOND, 1048575, 1, " 4m05s 1023K 1023K    0.00 unknown\n"},
		{7380 * SECOND, 1048576, 1, " 2h03m  1.0M  1.0M    0.00 unknown\n"},
		{86400 * 3 * SECOND, 1ull << 40, 1, " 3d00h  1.0T  1.0T    0.00 unknown\n"},
		{1, ~0ull, ~0u, " 0.0ms   15E   15E 4294967 unknown\n"},
	};
	struct hc_event event = inbound(HC_CLOSED);
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		event.time_ns = event.start_ns + rows[i].ns;
		event.rx_bytes = event.tx_bytes = rows[i].bytes;
		event.srtt_us = rows[i].rtt;
		print_text_event(&buffer, &context, &event);
		memmove(buffer.data, buffer.data + BEFORE, buffer.length - BEFORE);
		buffer.length -= BEFORE;
		printed(rows[i].tail);
	}
}

static void text_lost(void **state)
{
	(void)state;
	print_text_lost(&buffer, &context, SECOND, "ring-full", 250);
	printed("22:13:21.000 lost    250 events: ring-full\n");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_header),
		cmocka_unit_test_setup(text_session, set_up),
		cmocka_unit_test_setup(text_refusal, set_up),
		cmocka_unit_test_setup(text_killed, set_up),
		cmocka_unit_test_setup(text_attempts, set_up),
		cmocka_unit_test_setup(text_terminal, set_up),
		cmocka_unit_test_setup(text_long_cells, set_up),
		cmocka_unit_test_setup(text_units, set_up),
		cmocka_unit_test_setup(text_lost, set_up),
	};

	setenv("TZ", "UTC0", 1);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, tear_down);
}
