// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "policy.h"
#include "user/base/human.h"
#include "user/top/text.h"

/* As UTF-8, whatever the locale of the test is. */
static void fits(const char *text, int columns, enum top_fit how, const wchar_t *expected)
{
	wchar_t out[128];
	int width = 0;

	top_fit(out, text, columns, how);
	if (wcscmp(out, expected))
		fail_msg("\"%s\" in %d columns is \"%ls\", not \"%ls\"", text, columns, out,
			 expected);
	for (const wchar_t *at = out; *at; at++)
		width += wcwidth(*at);
	assert_int_equal(width, columns);
}

static void plain(void **state)
{
	(void)state;
	fits("imap", 6, TOP_LEFT, L"imap  ");
	fits("imap", 6, TOP_RIGHT, L"  imap");
	fits("imap", 4, TOP_LEFT, L"imap");
	fits("", 2, TOP_RIGHT, L"  ");
	fits("imap", 0, TOP_LEFT, L"");
	fits("imap", 1, TOP_LEFT, L"~");
	fits("abcdefghij", 6, TOP_LEFT, L"abcde~");
	fits("abcdefghij", 6, TOP_MIDDLE, L"abcde~"); /* too narrow for two ends */
	fits("2001:db8:1:2::/64", 12, TOP_MIDDLE, L"2001:~2::/64");
	fits("abcdefghij", 9, TOP_MIDDLE, L"abcd~ghij");
}

/* A character of two columns is never cut in half. */
static void wide(void **state)
{
	(void)state;
	fits("\xe6\x97\xa5\xe6\x9c\xac", 6, TOP_LEFT, L"\u65e5\u672c  ");
	fits("\xe6\x97\xa5\xe6\x9c\xac", 6, TOP_RIGHT, L"  \u65e5\u672c");
	fits("\xe6\x97\xa5\xe6\x9c\xac", 3, TOP_LEFT, L"\u65e5~");
	fits("\xe6\x97\xa5\xe6\x9c\xac", 2, TOP_LEFT, L"~ ");
	fits("\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5", 9, TOP_MIDDLE,
	     L"\u65e5\u672c~\u672c\u65e5");
	assert_int_equal(top_columns("\xe6\x97\xa5 a"), 4);
}

static void hostile(void **state)
{
	(void)state;
	fits("a\x1b[2J\n\x07", 20, TOP_LEFT, L"a\\x1b[2J\\x0a\\x07    ");
	fits("\xff\xc3(", 12, TOP_LEFT, L"\\xff\\xc3(   ");
	fits("\xc2\x9b", 8, TOP_LEFT, L"\\xc2\\x9b");           /* C1 CSI */
	fits("\xe2\x80\xae", 12, TOP_LEFT, L"\\xe2\\x80\\xae"); /* right-to-left override */
	fits("e\xcc\x81", 10, TOP_LEFT, L"e\\xcc\\x81 ");       /* no width of its own */
	fits("\xe2\x80\x8b", 12, TOP_LEFT, L"\\xe2\\x80\\x8b");
}

/* Where the locale knows no UTF-8, its bytes are no text. */
static void no_utf8(void **state)
{
	(void)state;
	assert_non_null(setlocale(LC_CTYPE, "C"));
	fits("\xe6\x97\xa5", 14, TOP_LEFT, L"\\xe6\\x97\\xa5  ");
	fits("abc", 4, TOP_LEFT, L"abc ");
	assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
}

/* Longer than any name can be: no byte is written beyond. */
static void endless(void **state)
{
	char *text = malloc(100001);
	wchar_t out[12];

	(void)state;
	assert_non_null(text);
	memset(text, 0x1b, 100000);
	text[100000] = '\0';
	top_fit(out, text, 10, TOP_MIDDLE);
	assert_true(!wcscmp(out, L"\\x1b~b\\x1b"));
	free(text);
}

static void numbers(void **state)
{
	char text[TOP_NUMBER];

	(void)state;
	assert_string_equal(top_count(0, 6, text, sizeof(text)), "0");
	assert_string_equal(top_count(123456, 6, text, sizeof(text)), "123456");
	assert_string_equal(top_count(1234567, 6, text, sizeof(text)), "1234k");
	assert_string_equal(top_count(~0ull, 6, text, sizeof(text)), "18446P");
	assert_string_equal(human_bytes(999, text), "999");
	assert_string_equal(human_bytes(1000, text), "1.0K");
	assert_string_equal(human_bytes(12345, text), "12K");
	assert_string_equal(human_bytes(1023 * 1024, text), "1.0M");
	assert_string_equal(human_bytes(~0ull, text), "16E");
	assert_string_equal(human_duration(59, text), "59s");
	assert_string_equal(human_duration(185, text), "3m05s");
	assert_string_equal(human_duration(7805, text), "2h10m");
	assert_string_equal(human_duration(788400, text), "9d03h");
	assert_string_equal(human_bytes(0, text), "0");
	assert_string_equal(human_duration(0, text), "0s");
	assert_string_equal(human_duration(3599, text), "59m59s");
	assert_string_equal(human_duration(86399, text), "23h59m");
	assert_string_equal(human_duration(~0ull, text), "213503982334601d07h");
	assert_string_equal(human_rtt(0, text), "0.00ms");
	assert_string_equal(human_rtt(9994, text), "9.99ms");
	assert_string_equal(human_rtt(99949, text), "99.9ms");
	assert_string_equal(human_rtt(999499, text), "999ms");
	assert_string_equal(human_rtt(~0u, text), "4294.97s");
	assert_string_equal(human_rtt(54, text), "0.05ms");
	assert_string_equal(human_rtt(12340, text), "12.3ms");
	assert_string_equal(human_rtt(1250000, text), "1.25s");
	assert_string_equal(top_rate(0.44, text, sizeof(text)), "0.4/s");
	assert_string_equal(top_rate(1234.5, text, sizeof(text)), "1234/s");
}

static void bars(void **state)
{
	char text[TOP_NUMBER];

	(void)state;
	assert_string_equal(top_bar(0, 10, 12, text, sizeof(text)), "[..........]");
	assert_string_equal(top_bar(5, 10, 12, text, sizeof(text)), "[#####.....]");
	assert_string_equal(top_bar(9, 10, 12, text, sizeof(text)), "[#########.]");
	assert_string_equal(top_bar(1, 1000, 12, text, sizeof(text)), "[#.........]");
	assert_string_equal(top_bar(999, 1000, 12, text, sizeof(text)), "[#########.]");
	assert_string_equal(top_bar(10, 10, 12, text, sizeof(text)), "[  AT CAP  ]");
	assert_string_equal(top_bar(11, 10, 12, text, sizeof(text)), "[ OVER CAP ]");
	assert_string_equal(top_bar(0, 0, 12, text, sizeof(text)), "[  AT CAP  ]");
	assert_string_equal(top_bar(HC_UNLIMITED - 2, HC_UNLIMITED - 1, 12, text, sizeof(text)),
			    "[#########.]");
	assert_string_equal(top_bar(7, HC_UNLIMITED, 12, text, sizeof(text)), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain),   cmocka_unit_test(wide),    cmocka_unit_test(hostile),
		cmocka_unit_test(no_utf8), cmocka_unit_test(endless), cmocka_unit_test(numbers),
		cmocka_unit_test(bars),
	};

	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
