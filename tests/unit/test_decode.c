// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "user/base/words.h"
#include "user/events/decode.h"

static const struct hc_event good = {
	.version = HC_RECORD_VERSION,
	.type = HC_CLOSED,
	.direction = HC_INBOUND,
	.flags = HC_F_IPV4,
	.end = HC_END_RESET,
	.id = 42,
	.user = {.service = 2, .kind = HC_BY_CLIENT, .prefix = 128},
	.ends.local = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1},
	.ends.remote = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 2},
	.comm = "0123456789abcde",
};

static size_t size_of(const struct hc_event *event)
{
	return event->type == HC_OPENED ? HC_OPENED_SIZE : sizeof(*event);
}

static int decode(struct hc_event event)
{
	struct hc_event out;

	return decode_event(&out, &event, size_of(&event));
}

static void copies_from_any_alignment(void **state)
{
	char bytes[sizeof(good) + 8];
	struct hc_event out;
	size_t shift;

	(void)state;
	for (shift = 0; shift < 8; shift++) {
		memcpy(bytes + shift, &good, sizeof(good));
		memset(&out, 0xff, sizeof(out));
		assert_int_equal(decode_event(&out, bytes + shift, sizeof(good)), 0);
		assert_memory_equal(&out, &good, sizeof(good));
	}
}

static void refuses_other_sizes(void **state)
{
	char bytes[sizeof(good) + 8] = {0};
	struct hc_event out;
	size_t size;

	(void)state;
	memcpy(bytes, &good, sizeof(good));
	for (size = 0; size <= sizeof(bytes); size++)
		assert_int_equal(decode_event(&out, bytes, size),
				 size == sizeof(good) ? 0 : -EINVAL);
}

/* The record of a session that has begun is shorter, and no other is: what it does not have is
 * nothing. */
static void opened_is_short(void **state)
{
	struct hc_event opened = good, out;

	(void)state;
	opened.type = HC_OPENED;
	opened.end = 0;
	opened.rx_bytes = opened.srtt_us = opened.newcomer_port = 7; /* not in the record */
	memset(&out, 0xff, sizeof(out));
	assert_int_equal(decode_event(&out, &opened, HC_OPENED_SIZE), 0);
	assert_memory_equal(&out, &opened, HC_OPENED_SIZE);
	assert_int_equal(out.rx_bytes, 0);
	assert_int_equal(out.srtt_us, 0);
	assert_int_equal(out.newcomer_port, 0);
	assert_int_equal(decode_event(&out, &opened, sizeof(opened)), -EINVAL);
	for (int type = HC_CLOSED; type <= HC_LABELLED; type++) {
		opened.type = type;
		assert_int_equal(decode_event(&out, &opened, HC_OPENED_SIZE), -EINVAL);
		assert_int_equal(decode_event(&out, &opened, sizeof(opened)), 0);
	}
}

#define REFUSED(field, value)                                                                  \
	do {                                                                                   \
		struct hc_event changed = good;                                                \
                                                                                               \
		changed.field = value;                                                         \
		assert_int_equal(decode(changed), -EINVAL);                                    \
	} while (0)

#define ACCEPTED(field, value)                                                                 \
	do {                                                                                   \
		struct hc_event changed = good;                                                \
                                                                                               \
		changed.field = value;                                                         \
		assert_int_equal(decode(changed), 0);                                          \
	} while (0)

static void ranges(void **state)
{
	(void)state;
	REFUSED(version, 0);
	REFUSED(version, HC_RECORD_VERSION + 1);
	REFUSED(type, 0);
	ACCEPTED(type, HC_OPENED);
	ACCEPTED(type, HC_LABELLED);
	REFUSED(type, HC_LABELLED + 1);
	ACCEPTED(direction, HC_OUTBOUND);
	REFUSED(direction, HC_INBOUND + 1);
	ACCEPTED(user.service, HC_SERVICES_MAX - 1);
	REFUSED(user.service, HC_SERVICES_MAX);
	ACCEPTED(user.kind, HC_UNLABELLED);
	REFUSED(user.kind, HC_UNLABELLED + 1);
	ACCEPTED(user.prefix, 0);
	REFUSED(user.prefix, 129);
	ACCEPTED(end, 255); /* has a word all the same */
}

static void family(void **state)
{
	struct hc_event event = good;

	(void)state;
	REFUSED(ends.local[0], 0x20);
	REFUSED(ends.remote[0], 0x20);

	event.flags = 0; /* an IPv6 session */
	event.ends.local[0] = event.ends.remote[0] = 0x20;
	assert_int_equal(decode(event), 0);

	event = good; /* an address that is not known */
	memset(event.ends.local, 0, sizeof(event.ends.local));
	assert_int_equal(decode(event), 0);
}

static void words(void **state)
{
	(void)state;
	assert_string_equal(word_of_end(HC_END_UNKNOWN), "unknown");
	assert_string_equal(word_of_end(HC_END_FINISHED), "finished");
	assert_string_equal(word_of_end(HC_END_RESET), "reset");
	assert_string_equal(word_of_end(HC_END_TIMEOUT), "timed-out");
	assert_string_equal(word_of_end(HC_END_REFUSED), "refused");
	assert_string_equal(word_of_end(HC_END_ABANDONED), "abandoned");
	assert_string_equal(word_of_end(HC_END_UNREACHABLE), "unreachable");
	assert_string_equal(word_of_end(HC_END_ABORTED), "aborted");
	assert_string_equal(word_of_end(HC_END_KILLED), "killed");
	assert_string_equal(word_of_end(HC_END_IDLE), "idle");
	assert_string_equal(word_of_end(HC_END_EVICTED), "evict");
	assert_string_equal(word_of_evidence(HC_EVIDENCE_DEAD), "unanswered");
	assert_string_equal(word_of_end(HC_END_COUNT), "unknown");
	assert_string_equal(word_of_end(~0u), "unknown");

	assert_string_equal(word_of_state(1), "ESTAB");
	assert_string_equal(word_of_state(4), "FIN-WAIT-1");
	assert_string_equal(word_of_state(8), "CLOSE-WAIT");
	assert_string_equal(word_of_state(10), "LISTEN");
	assert_string_equal(word_of_state(11), "CLOSING");
	assert_string_equal(word_of_state(12), "SYN-RECV");
	assert_string_equal(word_of_state(0), "UNKNOWN");
	assert_string_equal(word_of_state(13), "UNKNOWN");
	assert_string_equal(word_of_state(~0u), "UNKNOWN");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies_from_any_alignment),
		cmocka_unit_test(refuses_other_sizes),
		cmocka_unit_test(opened_is_short),
		cmocka_unit_test(ranges),
		cmocka_unit_test(family),
		cmocka_unit_test(words),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
