// SPDX-License-Identifier: GPL-2.0-only
/* What may be asked of a fleet's hosts, and what becomes of their answers. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "user/fleet/askers.h"
#include "user/fleet/told.h"

static struct fleet_request request;

static int read_text(const char *text)
{
	return request_from_json(&request, text, strlen(text));
}

static int read_command(const char *command, const char *arguments)
{
	char text[1024];

	snprintf(text, sizeof(text),
		 "{\"host\":\"a-1.b_c\",\"uid\":1000,\"command\":\"%s\",\"arguments\":[%s]}",
		 command, arguments);
	return read_text(text);
}

static void there_and_back(void **state)
{
	struct fleet_request made = {.host = "front7", .uid = 0xfffffffe};
	char line[64];
	char *text;

	(void)state;
	made.command = REQUEST_KILL;
	assert_int_equal(request_add(&made, "--user=J\xc3\xb6rg \"x\"=\\"), 0);
	assert_int_equal(request_add(&made, "--orphan"), 0);
	text = request_to_json(&made);
	assert_int_equal(read_text(text), 0);
	free(text);
	assert_string_equal(request.host, "front7");
	assert_int_equal(request.uid, 0xfffffffe);
	assert_int_equal(request.command, REQUEST_KILL);
	assert_int_equal(request.count, 2);
	assert_memory_equal(request.text, made.text, made.used);
	assert_string_equal(request_line(&request, line, sizeof(line)),
			    "kill --user=J\xc3\xb6rg \"x\"=\\ --orphan");
	assert_string_equal(request_line(&request, line, 10), "kill --us");
	assert_true(request_closes(&request));
	assert_int_equal(request_add(&request, "--dry-run"), 0);
	assert_false(request_closes(&request));
	assert_true(request_is_good(&request));
}

static void allowed(void **state)
{
	static const char *const good[][2] = {
		{"users", ""},
		{"users", "\"--json\",\"--service=imap\""},
		{"sessions", "\"--id=1\",\"--id=2\",\"--sort=rx\",\"--state=ESTAB,SYN-SENT\""},
		{"why", "\"--idle=5m\",\"--\",\"imap\",\"--json\""},
		{"kill", "\"--stale\",\"--remote=::/0\",\"--quiet\""},
		{"kill", "\"--service=\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(read_command(good[i][0], good[i][1]), 0);
}

static void refused(void **state)
{
	static const char *const bad[][2] = {
		{"run", ""},
		{"", ""},
		{"users", "\"-j\""},
		{"users", "\"--jso\""},
		{"users", "\"--json=1\""},
		{"users", "\"--service\",\"imap\""},
		{"users", "\"--user=a\""},
		{"users", "\"--config=/etc/shadow\""},
		{"users", "\"--fleet\""},
		{"users", "\"--\",\"a\""},
		{"users", "\"\""},
		{"users", "\"--service=a\\u0000b\""},
		{"users", "\"--service=a\\u001bb\""},
		{"users", "1"},
		{"users", "[\"--json\"]"},
		{"sessions", "\"--quiet\""},
		{"why", "\"--\",\"a\",\"b\",\"c\""},
		{"kill", "\"--sort=id\""},
	};
	static const char *const texts[] = {
		"",
		"{",
		"[]",
		"{}",
		"null",
		"{\"host\":\"a\",\"uid\":0,\"command\":\"users\",\"arguments\":[]}x",
		"{\"host\":\"\",\"uid\":0,\"command\":\"users\",\"arguments\":[]}",
		"{\"host\":\"a b\",\"uid\":0,\"command\":\"users\",\"arguments\":[]}",
		"{\"host\":1,\"uid\":0,\"command\":\"users\",\"arguments\":[]}",
		"{\"host\":\"a\",\"uid\":-1,\"command\":\"users\",\"arguments\":[]}",
		"{\"host\":\"a\",\"uid\":4294967296,\"command\":\"users\",\"arguments\":[]}",
		"{\"host\":\"a\",\"uid\":0.5,\"command\":\"users\",\"arguments\":[]}",
		"{\"host\":\"a\",\"uid\":0,\"command\":\"users\",\"arguments\":{}}",
		"{\"host\":\"a\",\"uid\":0,\"command\":\"users\"}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(read_command(bad[i][0], bad[i][1]), -EINVAL);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(read_text(texts[i]), -EINVAL);
}

static void too_much(void **state)
{
	static struct fleet_request full;
	char word[REQUEST_WORD_MAX + 1];
	int error = 0;

	(void)state;
	memset(word, 'a', sizeof(word));
	word[REQUEST_WORD_MAX] = '\0';
	assert_int_equal(request_add(&full, word), -E2BIG);
	word[REQUEST_WORD_MAX - 1] = '\0';
	for (int i = 0; i < REQUEST_TEXT / REQUEST_WORD_MAX; i++)
		assert_int_equal(request_add(&full, word), 0);
	assert_int_equal(request_add(&full, ""), -E2BIG);
	full = (struct fleet_request){};
	for (int i = 0; i <= REQUEST_WORDS_MAX; i++)
		error = request_add(&full, "x");
	assert_int_equal(error, -E2BIG);
	assert_int_equal(full.count, REQUEST_WORDS_MAX);
}

static struct fleet_answers answers;

static void tell(const char *element)
{
	assert_int_equal(told_take(&answers, &(struct fleet_word){element, strlen(element)}),
			 0);
}

static void gathered(void **state)
{
	(void)state;
	assert_non_null(told_host(&answers, &(struct fleet_word){"b", 1}));
	assert_false(told_all_begun(&answers));
	tell("b a");
	assert_true(told_all_begun(&answers));
	assert_false(told_all_ended(&answers));
	tell("a o [1,");
	tell("b e no\n");
	tell("a o 2]");
	tell("a z 0");
	tell("a o more");
	tell("b z 1");
	assert_true(told_all_ended(&answers));
	told_sort(&answers);
	assert_int_equal(answers.count, 2);
	assert_string_equal(answers.hosts[0].host, "a");
	assert_string_equal(answers.hosts[0].output, "[1,2]");
	assert_int_equal(answers.hosts[0].output_size, 5);
	assert_string_equal(answers.hosts[1].said, "no\n");
	assert_int_equal(answers.hosts[1].code, 1);
	fleet_answers_free(&answers);
}

static void of_nobody(void **state)
{
	static const char *const none[] = {
		"",
		" ",
		"a",
		"a ",
		" a",
		"a\x1b a",
		"../a a",
		"a xy",
		"a  o x",
		/* 65 letters */
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa a",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		tell(none[i]);
		if (i < 7)
			assert_int_equal(answers.count, 0);
		fleet_answers_free(&answers);
	}
}

static void spoilt(void **state)
{
	static const char *const bad[] = {"a z", "a z 10", "a z x", "a q"};
	static char large[64 * 1024] = "a o ";
	const struct fleet_word piece = {large, sizeof(large)};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		tell(bad[i]);
		assert_true(answers.hosts[0].spoilt);
		assert_true(told_all_ended(&answers));
		fleet_answers_free(&answers);
	}
	for (int i = 0; i < 100; i++)
		assert_int_equal(told_take(&answers, &piece), 0);
	assert_true(answers.hosts[0].spoilt);
	assert_true(answers.bytes <= ASK_OUTPUT_MAX);
	fleet_answers_free(&answers);
}

static void crowd(void **state)
{
	char element[16];
	int error = 0;

	(void)state;
	for (int i = 0; i < 2000 && !error; i++) {
		snprintf(element, sizeof(element), "h%d a", i);
		error = told_take(&answers, &(struct fleet_word){element, strlen(element)});
	}
	assert_int_equal(error, -ENOMEM);
	assert_int_equal(answers.count, 1024);
	fleet_answers_free(&answers);
}

static void names(void **state)
{
	char name[HOST_NAME_ROOM], other[16];
	__u16 number = askers_number("front1");

	(void)state;
	assert_int_equal(askers_number("front1"), number);
	assert_string_equal(askers_name(number, name), "front1");
	assert_string_equal(askers_name(0, name), "");
	assert_string_equal(askers_name(0xffff, name), "");
	for (int i = 0; i < ASKERS_MAX; i++) {
		snprintf(other, sizeof(other), "h%d", i);
		assert_string_equal(askers_name(askers_number(other), name), other);
	}
	assert_string_not_equal(askers_name(number, name), "front1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back), cmocka_unit_test(allowed),
		cmocka_unit_test(refused),        cmocka_unit_test(too_much),
		cmocka_unit_test(gathered),       cmocka_unit_test(of_nobody),
		cmocka_unit_test(spoilt),         cmocka_unit_test(crowd),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
