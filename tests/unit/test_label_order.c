// SPDX-License-Identifier: GPL-2.0-only
/* Which session is to have which label, as it is said. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "user/base/log.h"
#include "user/sessions/label_order.h"

static char heard[2048];

static void hear_line(const char *line)
{
	strncpy(heard, line, sizeof(heard) - 1);
}

static int parse(struct label_words words, struct label_order *order)
{
	int error;

	if (!words.name)
		words.name = "jsmith";
	if (!words.length)
		words.length = strlen(words.name);
	log_divert(hear_line);
	*heard = '\0';
	error = label_order_parse(&words, order);
	log_divert(NULL);
	return error;
}

static void good(void **state)
{
	struct label_order order;

	(void)state;
	assert_int_equal(parse((struct label_words){.fd = "0"}, &order), 0);
	assert_true(order.by == LABEL_BY_FD && order.fd == 0 && !order.kill);
	assert_int_equal(
		parse((struct label_words){.id = "18446744073709551615", .kill = true}, &order),
		0);
	assert_true(order.by == LABEL_BY_ID && order.id == UINT64_MAX && order.kill);
	assert_int_equal(parse((struct label_words){.remote = "192.0.2.7:41821"}, &order), 0);
	assert_memory_equal(order.ends.remote, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\7", 16);
	assert_true(order.by == LABEL_BY_ENDS && order.ends.remote_port == 41821 &&
		    !order.ends.local_port && !order.netns);
	assert_int_equal(parse((struct label_words){.remote = "[::ffff:192.0.2.7]:1",
						    .local = "[2001:db8::1]:65535",
						    .netns = "c1"},
			       &order),
			 0);
	assert_memory_equal(order.ends.remote, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\7", 16);
	assert_int_equal(order.ends.local_port, 65535);
	assert_string_equal(order.netns, "c1");
	assert_string_equal(order.label.text, "jsmith");
	assert_int_equal(order.length, 6);
}

static void bad(void **state)
{
	static const struct label_words wrong[] = {
		{},
		{.fd = "-1"},
		{.fd = "2147483648"},
		{.fd = "3x"},
		{.id = ""},
		{.id = "0x1"},
		{.id = "18446744073709551616"},
		{.fd = "1", .id = "1"},
		{.id = "1", .remote = "192.0.2.7:1"},
		{.id = "1", .local = "192.0.2.7:1"},
		{.id = "1", .netns = "c1"},
		{.local = "192.0.2.7:1"},
		{.remote = ""},
		{.remote = "1"},
		{.remote = "192.0.2.7"},
		{.remote = "192.0.2.7:"},
		{.remote = "192.0.2.7:0"},
		{.remote = "192.0.2.7:65536"},
		{.remote = "192.0.2.7:1-2"},
		{.remote = "192.0.2:1"},
		{.remote = "2001:db8::1:1"},
		{.remote = "[2001:db8::1:1"},
		{.remote = "[]:1"},
		{.remote = "[::]:1"},
		{.remote = "0.0.0.0:1"},
		{.remote = "192.0.2.7:1", .local = "x"},
	};
	struct label_order order;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(parse(wrong[i], &order), -EINVAL);
		assert_true(*heard);
	}
}

/* Any bytes but NUL, from 1 to 64 of them. */
static void names(void **state)
{
	struct label_order order;
	char most[HC_LABEL_MAX + 1];

	(void)state;
	memset(most, '\xff', sizeof(most));
	assert_int_equal(
		parse((struct label_words){.fd = "0", .name = most, .length = 64}, &order), 0);
	assert_memory_equal(order.label.text, most, 64);
	assert_int_equal(order.length, 64);
	assert_int_equal(
		parse((struct label_words){.fd = "0", .name = most, .length = 65}, &order),
		-EINVAL);
	assert_non_null(strstr(heard, "65 bytes"));
	assert_int_equal(parse((struct label_words){.fd = "0", .name = ""}, &order), -EINVAL);
	assert_int_equal(
		parse((struct label_words){.fd = "0", .name = "a\0b", .length = 3}, &order),
		-EINVAL);
	assert_non_null(strstr(heard, "NUL"));
}

static void keys(void **state)
{
	struct label_words words = {};

	(void)state;
	assert_false(label_words_select(&words));
	assert_true(label_words_set(&words, "remote", "a"));
	assert_true(label_words_select(&words));
	assert_string_equal(words.remote, "a");
	assert_true(label_words_set(&words, "fd", "1") && label_words_set(&words, "id", "2") &&
		    label_words_set(&words, "local", "3") &&
		    label_words_set(&words, "netns", "4"));
	assert_false(label_words_set(&words, "name", "a"));
	assert_false(label_words_set(&words, "", "a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),
		cmocka_unit_test(bad),
		cmocka_unit_test(names),
		cmocka_unit_test(keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
