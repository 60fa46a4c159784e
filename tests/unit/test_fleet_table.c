// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "user/fleet/message.h"

#define KEYS 500

/* Keys come and go, and collide: what is there is found, at its index. */
static void finds_what_is_there(void **state)
{
	static const __u64 secret[2] = {1, 2};
	struct fleet_table table;
	__u32 where[KEYS], count = 0;
	unsigned int random = 1;

	(void)state;
	assert_int_equal(fleet_table_init(&table, KEYS / 2, secret), 0);
	memset(where, 0xff, sizeof(where));
	for (int step = 0; step < 100000; step++) {
		int number = rand_r(&random) % KEYS;
		struct fleet_key key = {{number, number >> 8}};
		__u32 index = fleet_table_find(&table, &key);

		assert_int_equal(index, where[number]);
		if (index != FLEET_NONE && rand_r(&random) % 2) {
			fleet_table_remove(&table, index);
			where[number] = FLEET_NONE;
			count--;
		} else if (index == FLEET_NONE) {
			where[number] = fleet_table_add(&table, &key);
			assert_int_equal(where[number] == FLEET_NONE, count == KEYS / 2);
			count += where[number] != FLEET_NONE;
		}
		assert_int_equal(table.used, count);
	}
	fleet_table_free(&table);
}

/* Whatever the words are, nothing is read or written outside of them (with sanitizers). */
static void answers_are_hostile(void **state)
{
	static const char *const texts[] = {"ok",
					    "joined",
					    "7",
					    "1.ab.2.0.cd.7",
					    "3",
					    "1",
					    "",
					    "1 2",
					    "18446744073709551615",
					    "0123456789abcdef",
					    "-0123456789abcdef",
					    "+",
					    "\n",
					    "x"};
	struct fleet_answer *parsed = malloc(sizeof(*parsed));
	struct fleet_word words[20];
	unsigned int random = 1;
	int good = 0;

	(void)state;
	for (int step = 0; step < 200000; step++) {
		size_t count = rand_r(&random) % 20;

		for (size_t i = 0; i < count; i++) {
			const char *text = texts[rand_r(&random) % 14];
			size_t length = strlen(text);

			/* Mostly what belongs there. */
			if (i < 7 && rand_r(&random) % 8)
				text = texts[(const int[]){0, 2, 3, 4, 5, 7, 10}[i]],
				length = strlen(text);
			words[i] = (struct fleet_word){
				text, length ? length - !(rand_r(&random) % 16) : 0};
		}
		good += !fleet_answer_parse(words, count, parsed);
	}
	assert_in_range(good, 100, 100000);
	free(parsed);
}

static void numbers_have_bounds(void **state)
{
	struct fleet_answer *parsed = malloc(sizeof(*parsed));
	struct fleet_word words[] = {
		{"ok", 2}, {"7", 1},   {"1.a", 3}, {"3", 1},
		{"1", 1},  {"4 0", 3}, {"", 0},    {"00000000000000ff", 16},
		{"9", 1}};

	(void)state;
	assert_int_equal(fleet_answer_parse(words, 9, parsed), 0);
	assert_int_equal(parsed->peers[0].id, 0xff);
	assert_int_equal(parsed->unit_count, 2);
	assert_int_equal(fleet_answer_parse(words, 8, parsed), -EPROTO);
	words[1] = (struct fleet_word){"9007199254740993", 16}; /* not in a double */
	assert_int_equal(fleet_answer_parse(words, 9, parsed), -EPROTO);
	words[1] = (struct fleet_word){"7", 1};
	words[4] = (struct fleet_word){"2", 1};
	assert_int_equal(fleet_answer_parse(words, 9, parsed), -EPROTO);
	words[4] = (struct fleet_word){"1", 1};
	words[2] = (struct fleet_word){"1.\n", 3}; /* it goes into the log */
	assert_int_equal(fleet_answer_parse(words, 9, parsed), -EPROTO);
	words[2] = (struct fleet_word){"1234567890123456.a", 18}; /* Lua counts no further */
	assert_int_equal(fleet_answer_parse(words, 9, parsed), -EPROTO);
	free(parsed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_is_there),
		cmocka_unit_test(answers_are_hostile),
		cmocka_unit_test(numbers_have_bounds),
	};

	return cmocka_run_group_tests_name("users and answers of the fleet", tests, NULL, NULL);
}
