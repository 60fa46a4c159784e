// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "user/config/sink_list.h"

static char why[512];

/* The list as it was understood: its sinks, apart by blanks. */
static const char *understood(const char *text)
{
	static char all[8192];
	char one[4200];
	struct sink_list list;
	int error;

	sink_list_default(&list);
	*why = *all = '\0';
	error = sink_list_parse(&list, text, why, sizeof(why));
	for (size_t i = 0; !error && i < list.count; i++) {
		strcat(all, i ? " " : "");
		strcat(all, sink_spec_format(&list.items[i], one, sizeof(one)));
	}
	sink_list_free(&list);
	return error ? NULL : all;
}

static void good(void **state)
{
	(void)state;
	assert_string_equal(understood("stdout"), "stdout");
	assert_string_equal(understood("none"), "");
	assert_string_equal(understood("unix"), "unix:/run/headcount/events.sock");
	assert_string_equal(understood("journal,file:/a/b:c, unix:/d\tstdout,"),
			    "journal file:/a/b:c unix:/d stdout");
	assert_string_equal(understood("unix unix:/x unix:/y"),
			    "unix:/run/headcount/events.sock unix:/x unix:/y");
}

static void bad(void **state)
{
	static const char *const lists[][2] = {
		{"", "empty list"},
		{" , ", "empty list"},
		{"syslog", "stdout, file:PATH"},
		{"STDOUT", "stdout, file:PATH"},
		{"stdout:", "stdout, file:PATH"},
		{"journal:/x", "stdout, file:PATH"},
		{"file", "stdout, file:PATH"},
		{"file:", "begins with /"},
		{"file:x", "begins with /"},
		{"file:/", "folder"},
		{"unix:", "begins with /"},
		{"none,none", "cannot be combined"},
		{"none stdout", "cannot be combined"},
		{"stdout none", "cannot be combined"},
		{"stdout stdout", "twice"},
		{"unix unix:/run/headcount/events.sock", "twice"},
		{"file:/1 file:/2 file:/3 file:/4 file:/5 file:/6 file:/7 file:/8 file:/9 "
		 "file:/10 file:/11 file:/12 file:/13 file:/14 file:/15 file:/16 file:/17",
		 "at most 16"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		assert_null(understood(lists[i][0]));
		if (!strstr(why, lists[i][1]))
			fail_msg("\"%s\": %s", lists[i][0], why);
	}
}

static void paths(void **state)
{
	char text[6000] = "unix:/";

	(void)state;
	memset(text + 6, 'x', 106);
	assert_non_null(understood(text));
	text[112] = 'x'; /* with its NUL one more than a socket's address has */
	assert_null(understood(text));
	memcpy(text, "file:/", 6);
	assert_non_null(understood(text));
	memset(text, 'x', sizeof(text) - 1);
	memcpy(text, "file:/", 6);
	assert_null(understood(text));
}

static void access_of_sockets(void **state)
{
	struct sink_list list;

	(void)state;
	sink_list_default(&list);
	assert_int_equal(list.mode, 0660);
	assert_int_equal(list.group, (gid_t)-1);
	assert_int_equal(sink_list_mode(&list, "0640"), 0);
	assert_int_equal(list.mode, 0640);
	assert_int_equal(sink_list_mode(&list, "0"), 0);
	assert_int_equal(list.mode, 0);
	assert_int_equal(sink_list_mode(&list, "01000"), -EINVAL);
	assert_int_equal(sink_list_mode(&list, "1000"), -EINVAL);
	assert_int_equal(sink_list_mode(&list, "68"), -EINVAL);
	assert_int_equal(sink_list_mode(&list, ""), -EINVAL);
	assert_int_equal(sink_list_mode(&list, "-1"), -EINVAL);
	assert_int_equal(sink_list_group(&list, "root"), 0);
	assert_int_equal(list.group, 0);
	assert_int_equal(sink_list_group(&list, "4711"), 0);
	assert_int_equal(list.group, 4711);
	assert_int_equal(sink_list_group(&list, "4294967295"), -EINVAL);
	assert_int_equal(sink_list_group(&list, "no such group"), -EINVAL);
	assert_int_equal(list.group, 4711);
	sink_list_free(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),
		cmocka_unit_test(bad),
		cmocka_unit_test(paths),
		cmocka_unit_test(access_of_sockets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
