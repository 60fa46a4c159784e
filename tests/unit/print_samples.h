/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of both printers print: a session of each direction, and what
 * there is to compare a line with.
 */
#include <arpa/inet.h>
#include "user/events/print.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define SECOND       1000000000ull
#define NOBODYS_UID  3999999999u /* no account has it */

static char names[HC_SERVICES_MAX][HC_NAME_MAX] = {"outbound", "inbound", "imap"};
static struct print_context context;
static struct origin origin;
static struct print_buffer buffer;

static int set_up(void **state)
{
	(void)state;
	origin_begin(&origin, "front\"7");
	memcpy(origin.text + origin.length - 17, "8a4f500f9c3d21e7", 16);
	context = (struct print_context){
		.origin = &origin,
		.service_names = names,
		.realtime_offset_ns = 1700000000 * SECOND, /* 2023-11-14T22:13:20Z */
		.sequence = 6,
	};
	buffer.length = 0;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	print_buffer_free(&buffer);
	return 0;
}

static inline void printed(const char *expected)
{
	assert_non_null(buffer.data);
	*print_reserve(&buffer, 1) = '\0';
	assert_string_equal(buffer.data, expected);
	buffer.length = 0;
}

static void address(__u8 bytes[16], const char *text)
{
	assert_int_equal(inet_pton(AF_INET6, text, bytes), 1);
}

/* A client's session with the imap server. */
static inline struct hc_event inbound(__u8 type)
{
	struct hc_event event = {
		.version = HC_RECORD_VERSION,
		.type = type,
		.direction = HC_INBOUND,
		.flags = HC_F_IPV4,
		.time_ns = 65 * SECOND + 1234567,
		.start_ns = 5 * SECOND,
		.id = 77,
		.user = {.service = 2, .kind = HC_BY_CLIENT, .prefix = 128},
		.active = 3,
		.cap = 32,
		.uid = 0,
		.pid = 4321,
		.ends = {.local_port = 993, .remote_port = 51234},
		.comm = "dovecot",
	};

	address(event.ends.local, "::ffff:192.168.10.2");
	address(event.ends.remote, "::ffff:10.20.30.40");
	memcpy(event.user.id, event.ends.remote, 16);
	return event;
}

/* A local account's session with some server. */
static inline struct hc_event outbound(__u8 type)
{
	struct hc_event event = {
		.version = HC_RECORD_VERSION,
		.type = type,
		.direction = HC_OUTBOUND,
		.flags = HC_F_IPV4,
		.time_ns = 1 * SECOND,
		.start_ns = 1 * SECOND,
		.id = 18446744073709551615ull,
		.user = {.kind = HC_BY_UID, .uid = NOBODYS_UID},
		.active = 1,
		.cap = HC_UNLIMITED,
		.uid = NOBODYS_UID,
		.pid = 99,
		.ends = {.local_port = 40000, .remote_port = 443},
		.comm = "curl",
	};

	address(event.ends.local, "::ffff:192.168.10.2");
	address(event.ends.remote, "::ffff:198.51.100.9");
	return event;
}

/* To make room for another client's. */
static inline void killed_by_evict(struct hc_event *event)
{
	event->end = HC_END_EVICTED;
	event->evidence = HC_EVIDENCE_DEAD;
	event->unanswered = 4;
	event->idle = (struct hc_idle){.ticks = HC_NEVER, .ms = 65000};
	event->unheard_ticks = HC_NEVER;
	event->newcomer_port = 40000;
	address(event->newcomer, "::ffff:10.20.30.41");
}

static inline void closed_with_traffic(struct hc_event *event)
{
	event->end = HC_END_FINISHED;
	event->rx_bytes = 1234;
	event->tx_bytes = 56789;
	event->srtt_us = 1234;
	event->retransmits = 2;
	event->idle = (struct hc_idle){.ticks = HC_NEVER, .ms = 1500};
	event->heard_ticks = HC_NEVER;
	event->half_closed = HC_NEVER;
	event->send_queue = 4096;
	event->unanswered = 9;
}
