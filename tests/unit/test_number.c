// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "user/base/number.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static void durations(void **state)
{
	static const struct {
		const char *text;
		__u64 ms;
	} rows[] = {
		{"90", 90000},    {"90s", 90000},
		{"1s", 1000},     {"15m", 900000},
		{"2h", 7200000},  {"3d", 259200000},
		{"007m", 420000}, {"4294967295d", 4294967295ull * 86400000},
	};
	__u64 ms;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(number_parse_duration(rows[i].text, &ms), 0);
		assert_int_equal(ms, rows[i].ms);
	}
}

static void bad_durations(void **state)
{
	static const char *const rows[] = {
		"",      "0",   "0s",         "s",
		"m15",   "-1",  "+1",         "1.5h",
		" 90",   "90 ", "15M",        "15ms",
		"1h30m", "1w",  "4294967296", "99999999999999999999",
	};
	__u64 ms = 7;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (number_parse_duration(rows[i], &ms) != -EINVAL)
			fail_msg("\"%s\" was taken for %llu ms", rows[i], ms);
	assert_int_equal(ms, 7);
}

static void ids(void **state)
{
	static const char *const bad[] = {"",   "-1", "x",   "1x",
					  " 1", "1 ", "0x1", "18446744073709551616"};
	__u64 id;

	(void)state;
	assert_int_equal(number_parse_id("18446744073709551615", &id), 0);
	assert_true(id == ~0ull);
	assert_int_equal(number_parse_id("0", &id), 0);
	assert_int_equal(id, 0);
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(number_parse_id(bad[i], &id), -EINVAL);
}

static void numbers(void **state)
{
	__u32 number;

	(void)state;
	assert_int_equal(number_parse("4294967295", 0, ~0u, &number), 0);
	assert_true(number == ~0u);
	assert_int_equal(number_parse("4294967296", 0, ~0u, &number), -EINVAL);
	assert_int_equal(number_parse("5", 5, 5, &number), 0);
	assert_int_equal(number_parse("4", 5, 9, &number), -EINVAL);
	assert_int_equal(number_parse("10", 5, 9, &number), -EINVAL);
	assert_int_equal(number_parse("7", 0, 3, &number), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations),
		cmocka_unit_test(bad_durations),
		cmocka_unit_test(ids),
		cmocka_unit_test(numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
