// SPDX-License-Identifier: GPL-2.0-only
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "user/base/community_id.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

struct row {
	const char *source;
	__u16 source_port;
	const char *destination;
	__u16 destination_port;
	const char *id;
};

static const struct row rows[] = {
	/* the specification's baseline and its reference implementation's tests */
	{"::ffff:128.232.110.120", 34855, "::ffff:66.35.250.204", 80,
	 "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
	{"::ffff:10.0.0.1", 10, "::ffff:10.0.0.2", 11569, "1:SXBGMX1lBOwhhoDrZynfROxnhnM="},
	{"2001:470:e5bf:dead:4957:2174:e82c:4887", 63943, "2607:f8b0:400c:c03::1a", 25,
	 "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4="},
	/* computed by another program: both ends on one address, ports equal */
	{"::ffff:127.0.0.1", 40000, "::ffff:127.0.0.1", 993, "1:6XADi2g3rFWZ4ylFn+oXHnTHWTY="},
	{"::1", 256, "::1", 255, "1:KsC5Z4nbs1NDEUa4y7TVpe0ngUk="},
	{"::ffff:10.9.8.7", 80, "::ffff:10.9.8.7", 80, "1:j/di1YSg1CxVZqtY61Wvc4Zg7q4="},
	{"fe80::1", 65535, "fe80::2", 1, "1:wf6wdJTtHFsITPideyV0+ba4yb8="},
};

static void known_values(void **state)
{
	char text[COMMUNITY_ID_SIZE], back[COMMUNITY_ID_SIZE];
	__u8 source[16], destination[16];
	const struct row *row;

	(void)state;
	for (row = rows; row < rows + COUNT(rows); row++) {
		assert_int_equal(inet_pton(AF_INET6, row->source, source), 1);
		assert_int_equal(inet_pton(AF_INET6, row->destination, destination), 1);
		community_id(text, source, row->source_port, destination,
			     row->destination_port);
		assert_string_equal(text, row->id);
		community_id(back, destination, row->destination_port, source,
			     row->source_port);
		assert_string_equal(back, row->id);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_values),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
