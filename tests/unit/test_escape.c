// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "user/base/escape.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

struct row {
	const char *in;
	size_t length;
	const char *text;
	const char *json;
};

#define ROW(in, text, json)                                                                    \
	{                                                                                      \
		in, sizeof(in) - 1, text, json                                                 \
	}
#define BAD "\xef\xbf\xbd" /* U+FFFD */

static const struct row rows[] = {
	ROW("", "", ""),
	ROW("plain text, 1/2 {}", "plain text, 1/2 {}", "plain text, 1/2 {}"),
	ROW("a\"b", "a\"b", "a\\u0022b"),
	ROW("a\\b", "a\\x5cb", "a\\u005cb"),
	ROW("\0\n\x1b[2J", "\\x00\\x0a\\x1b[2J", "\\u0000\\u000a\\u001b[2J"),
	ROW("\x7f", "\\x7f", "\\u007f"),
	/* UTF-8 that passes: two, three and four bytes, the first and last of each */
	ROW("\xc3\xa9\xe2\x82\xac", "\xc3\xa9\xe2\x82\xac", "\xc3\xa9\xe2\x82\xac"),
	ROW("\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"),
	ROW("\xc2\xa0\xdf\xbf", "\xc2\xa0\xdf\xbf", "\xc2\xa0\xdf\xbf"),
	ROW("\xe0\xa0\x80\xef\xbf\xbf", "\xe0\xa0\x80\xef\xbf\xbf", "\xe0\xa0\x80\xef\xbf\xbf"),
	ROW("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf",
	    "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"),
	ROW("\xed\x9f\xbf\xee\x80\x80", "\xed\x9f\xbf\xee\x80\x80", "\xed\x9f\xbf\xee\x80\x80"),
	/* controls that are UTF-8: CSI in C1, line and paragraph separator */
	ROW("\xc2\x9b"
	    "2J",
	    "\\xc2\\x9b2J", "\\u009b2J"),
	ROW("\xe2\x80\xa8\xe2\x80\xa9", "\\xe2\\x80\\xa8\\xe2\\x80\\xa9", "\\u2028\\u2029"),
	/* bidirectional controls matter on a terminal only */
	ROW("\xe2\x80\xae", "\\xe2\\x80\\xae", "\xe2\x80\xae"),
	ROW("\xe2\x81\xa6\xd8\x9c", "\\xe2\\x81\\xa6\\xd8\\x9c", "\xe2\x81\xa6\xd8\x9c"),
	ROW("\xe2\x80\x8e\xe2\x80\x8f", "\\xe2\\x80\\x8e\\xe2\\x80\\x8f",
	    "\xe2\x80\x8e\xe2\x80\x8f"),
	/* not UTF-8: stray, cut off, overlong, surrogate, too large, never used */
	ROW("a\x80z", "a\\x80z", "a" BAD "z"),
	ROW("\xc3", "\\xc3", BAD),
	ROW("\xc3z", "\\xc3z", BAD "z"),
	ROW("\xe2\x82", "\\xe2\\x82", BAD BAD),
	ROW("\xf0\x9f\x98", "\\xf0\\x9f\\x98", BAD BAD BAD),
	ROW("\xc0\x80", "\\xc0\\x80", BAD BAD),
	ROW("\xc1\xbf", "\\xc1\\xbf", BAD BAD),
	ROW("\xe0\x9f\xbf", "\\xe0\\x9f\\xbf", BAD BAD BAD),
	ROW("\xf0\x8f\xbf\xbf", "\\xf0\\x8f\\xbf\\xbf", BAD BAD BAD BAD),
	ROW("\xed\xa0\x80", "\\xed\\xa0\\x80", BAD BAD BAD),
	ROW("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", BAD BAD BAD BAD),
	ROW("\xf5\xff", "\\xf5\\xff", BAD BAD),
};

/* `in` in a piece of memory of just its size, so that a sanitizer sees a byte too far. */
static char *exact(const char *in, size_t length)
{
	char *copy = malloc(length ? length : 1);

	assert_non_null(copy);
	memcpy(copy, in, length);
	return copy;
}

static void escapes(void **state)
{
	char out[256];
	char *in;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		in = exact(rows[i].in, rows[i].length);
		assert_int_equal(escape_text(out, sizeof(out), in, rows[i].length),
				 strlen(rows[i].text));
		assert_string_equal(out, rows[i].text);
		assert_int_equal(escape_json(out, sizeof(out), in, rows[i].length),
				 strlen(rows[i].json));
		assert_string_equal(out, rows[i].json);
		free(in);
	}
}

typedef size_t escape_function(char *out, size_t size, const char *in, size_t length);

/* Every size: what is written is the longest run of whole pieces that fits. */
static void cuts_between(escape_function *escape, const char *in, size_t length,
			 const char *const *pieces)
{
	char whole[256] = "", *out;
	size_t size, written, expected, at;
	int i;

	for (i = 0; pieces[i]; i++)
		strcat(whole, pieces[i]);
	for (size = 0; size < strlen(whole) + 3; size++) {
		out = malloc(size ? size : 1);
		assert_non_null(out);
		expected = at = 0;
		for (i = 0; pieces[i]; i++) {
			at += strlen(pieces[i]);
			if (at < size)
				expected = at;
		}
		written = escape(out, size, in, length);
		assert_int_equal(written, expected);
		if (size) {
			assert_memory_equal(out, whole, written);
			assert_int_equal(out[written], '\0');
		}
		free(out);
	}
}

/* Labels: as it is, but for what would end them, and what would steer a terminal. */
static void labels(void **state)
{
	static const struct {
		const char *in, *label;
	} some[] = {
		{"", ""},
		{"/system.slice/a b,{}=", "/system.slice/a b,{}="},
		{"a\"b\\c\nd", "a\\\"b\\\\c\\nd"},
		{"\xc3\xa9\xf0\x9f\x98\x80", "\xc3\xa9\xf0\x9f\x98\x80"},
		{"\x1b[2J\x7f", "\\\\x1b[2J\\\\x7f"},
		{"\xff\xe2\x82", "\\\\xff\\\\xe2\\\\x82"},
		{"\xc2\x9b\xe2\x80\xae", "\\\\xc2\\\\x9b\\\\xe2\\\\x80\\\\xae"},
	};
	char out[256], *in;

	(void)state;
	for (size_t i = 0; i < COUNT(some); i++) {
		in = exact(some[i].in, strlen(some[i].in));
		assert_int_equal(escape_label(out, sizeof(out), in, strlen(some[i].in)),
				 strlen(some[i].label));
		assert_string_equal(out, some[i].label);
		free(in);
	}
}

static void never_splits(void **state)
{
	static const char in[] = "a\n\xe2\x82\xac\x80\"\xc2\x9b"
				 "b";
	static const char *const text[] = {
		"a", "\\x0a", "\xe2\x82\xac", "\\x80", "\"", "\\xc2\\x9b", "b", NULL};
	static const char *const json[] = {
		"a", "\\u000a", "\xe2\x82\xac", BAD, "\\u0022", "\\u009b", "b", NULL};

	static const char *const label[] = {
		"a", "\\n", "\xe2\x82\xac", "\\\\x80", "\\\"", "\\\\xc2\\\\x9b", "b", NULL};

	(void)state;
	cuts_between(escape_label, in, sizeof(in) - 1, label);
	cuts_between(escape_text, in, sizeof(in) - 1, text);
	cuts_between(escape_json, in, sizeof(in) - 1, json);
}

/* The bounds that callers size their memory by. */
static void bounds(void **state)
{
	char in[3], out[32];
	unsigned int value;

	(void)state;
	for (value = 0; value < 1 << 24; value += 7) {
		in[0] = value >> 16;
		in[1] = value >> 8;
		in[2] = value;
		assert_true(escape_text(out, sizeof(out), in, 3) <= 12);
		assert_true(escape_json(out, sizeof(out), in, 3) <= 18);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(escapes),
		cmocka_unit_test(labels),
		cmocka_unit_test(never_splits),
		cmocka_unit_test(bounds),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
