// SPDX-License-Identifier: GPL-2.0-only
/* What events are made of: numbers, times, addresses, users. */
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

static void numbers(void **state)
{
	static const __u64 values[] = {0,
				       9,
				       10,
				       99,
				       100,
				       101,
				       999,
				       1000,
				       65535,
				       4294967295ull,
				       10000000000000000000ull,
				       18446744073709551615ull};
	char text[32], expected[32];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(values); i++) {
		*put_number(text, values[i]) = '\0';
		snprintf(expected, sizeof(expected), "%llu", values[i]);
		assert_string_equal(text, expected);
	}
}

static void times(void **state)
{
	static const __u64 days[] = {0, 59, 365, 789, 11016, 19675, 19679, 47540, 213502};
	char text[64], expected[64], date[32];
	time_t seconds;
	struct tm tm;
	size_t i;

	(void)state;
	for (i = 0; i < 4 * COUNT(days); i++) {
		seconds = days[i % COUNT(days)] * 86400 + i * 2399;
		gmtime_r(&seconds, &tm);
		strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
		snprintf(expected, sizeof(expected), "%s.%09uZ", date,
			 (unsigned int)i * 27777777);
		*put_time(text, seconds * SECOND + i * 27777777) = '\0';
		assert_string_equal(text, expected);
	}
}

/* The same text as from the C library, whatever the zeros in it. */
static void addresses(void **state)
{
	char text[ADDRESS_TEXT], expected[ADDRESS_TEXT], end[END_TEXT];
	unsigned int zeros, i, seed = 1;
	__u8 bytes[16];

	(void)state;
	for (zeros = 0; zeros < 1 << 12; zeros++) {
		for (i = 0; i < 16; i++) {
			seed = seed * 1103515245 + 12345;
			bytes[i] = zeros >> i / 2 & 1 ? 0 : seed >> (16 + (zeros >> 8));
		}
		inet_ntop(AF_INET6, bytes, expected, sizeof(expected));
		assert_string_equal(address_format(bytes, text), expected);
	}
	address(bytes, "::ffff:255.0.10.100");
	assert_string_equal(address_format(bytes, text), "255.0.10.100");
	assert_string_equal(end_format(bytes, 65535, end), "255.0.10.100:65535");
	address(bytes, "2001:db8::7");
	assert_string_equal(end_format(bytes, 143, end), "[2001:db8::7]:143");
}

/* JSON names a user as the tables and commands do. */
static void users(void **state)
{
	static const struct {
		const char *address;
		__u8 prefix;
	} clients[] = {{"::ffff:10.1.2.3", 128},
		       {"::ffff:10.1.0.0", 112},
		       {"::ffff:0.0.0.0", 96},
		       {"2001:db8::7", 128},
		       {"2001:db8:1:2::", 64},
		       {"::", 0},
		       {"::1", 128},
		       {"2001:db8::", 127}};
	char user[HC_USER_TEXT], expected[HC_USER_TEXT + 32];
	struct hc_event event = inbound(HC_OPENED);
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(clients); i++) {
		address(event.user.id, clients[i].address);
		event.user.prefix = clients[i].prefix;
		user_key_format(&event.user, false, user, sizeof(user));
		snprintf(expected, sizeof(expected), ",\"headcount.user\":\"%s\",", user);
		print_json_event(&buffer, &context, &event);
		*print_reserve(&buffer, 1) = '\0';
		assert_non_null(strstr(buffer.data, expected));
		buffer.length = 0;
	}
}

/* Lines follow one another, through many growths of the buffer. */
int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
		cmocka_unit_test(times),
		cmocka_unit_test(addresses),
		cmocka_unit_test_setup(users, set_up),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, tear_down);
}
