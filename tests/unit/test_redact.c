// SPDX-License-Identifier: GPL-2.0-only
/* What strangers may see of the log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "user/base/redact.h"

#define WHEN "2026-11-26T10:00:00+0000 "
#define OURS WHEN "headcount[7]: headcount: "

/* A line, and what is told of it; NULL: nothing. */
static const struct {
	const char *line, *told;
} rows[] = {
	{OURS "ready\n", OURS "ready\n"},
	{WHEN "systemd[1]: Started headcount.service - Count.\n",
	 WHEN "systemd[1]: Started headcount.service - Count.\n"},
	{OURS "cannot listen on 192.0.2.7:9143 for metrics: Address already in use\n",
	 OURS "cannot listen on ADDRESS for metrics: Address already in use\n"},
	{OURS "cannot listen on [2001:db8::7]:9143 for metrics\n",
	 OURS "cannot listen on [ADDRESS]:9143 for metrics\n"},
	{OURS "x 192.0.2.0/24, 2001:db8::/32; (192.0.2.9) fe80::1%eth0 a=::ffff:192.0.2.1.\n",
	 OURS "x ADDRESS/24, ADDRESS/32; (ADDRESS) ADDRESS a=ADDRESS\n"},
	{OURS "/etc/headcount.conf:12: no account \"alice\"\n",
	 OURS "/etc/headcount.conf:12: no account \"...\n"},
	{OURS "no account \"a\" b \"alice\"\n", OURS "no account \"...\n"},
	{OURS
	 "imap: the cap 7, set with headcount cap, stays where the file says 5, for \"jo\"\n",
	 OURS
	 "imap: the cap 7, set with headcount cap, stays where the file says 5, for \"...\n"},
	{OURS "the state in /sys/fs/bpf/headcount is of 0.1.0 at 10:00:00\n",
	 OURS "the state in /sys/fs/bpf/headcount is of 0.1.0 at 10:00:00\n"},
	{WHEN "headcount[7]: imap: alice opened a session, has 1\n", NULL},
	{WHEN "headcount[7]: {\"user.name\":\"alice\"}\n", NULL},
	{WHEN "nginx[9]: systemd[1]: alice\n", NULL},
	{"no colon", NULL},
	{"", NULL},
};

static void test_rows(void **state)
{
	char told[256];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(redact_log(rows[i].line, told, sizeof(told)),
				 rows[i].told != NULL);
		assert_string_equal(told, rows[i].told ?: "");
	}
}

/* No room is overrun, and an address at its end is not told. */
static void test_room(void **state)
{
	const char *line = OURS "at 192.0.2.7 and on";
	char told[256];

	(void)state;
	for (size_t size = 1; size < sizeof(told); size++) {
		memset(told, 'x', sizeof(told));
		assert_true(redact_log(line, told, size));
		assert_true(strlen(told) < size);
		assert_null(strstr(told, "192"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
