// SPDX-License-Identifier: GPL-2.0-only
/* Options of a command: as many as it likes, each of its type. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "user/cmd/command.h"

static const struct command command = {.name = "many", .arguments = "", .summary = ""};

/* More than any command has. */
#define MANY 40

static struct command_option options[MANY + 1];
static bool flags[MANY];
static const char *texts[MANY];
static struct command_values lists[MANY];
static char names[MANY][16];

/* Of each type in turn; letters for as many as there are. */
static int begin(void **state)
{
	(void)state;
	memset(options, 0, sizeof(options));
	for (int i = 0; i < MANY; i++) {
		char letter = i < 26 ? 'A' + i : 0;

		snprintf(names[i], sizeof(names[i]), "option-%c%c", 'a' + i / 10, 'a' + i % 10);
		flags[i] = false;
		texts[i] = NULL;
		lists[i].count = 0;
		if (i % 3 == 0)
			options[i] = (struct command_option)OPTION_FLAG(names[i], letter, "",
									&flags[i]);
		else if (i % 3 == 1)
			options[i] = (struct command_option)OPTION_TEXT(names[i], letter, "X",
									"", &texts[i]);
		else
			options[i] = (struct command_option)OPTION_LIST(names[i], letter, "X",
									"", &lists[i]);
	}
	return 0;
}

static int end(void **state)
{
	(void)state;
	for (int i = 0; i < MANY; i++) {
		free(lists[i].items);
		lists[i] = (struct command_values){};
	}
	return 0;
}

static void take(int argc, char **argv)
{
	int first, status;

	assert_int_equal(command_options(&command, options, argc, argv, 0, &first, &status), 0);
	assert_int_equal(status, EXIT_DONE);
}

static void test_all(void **state)
{
	char *argv[1 + 4 * MANY] = {"many"}, words[MANY][20];
	int argc = 1;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		snprintf(words[i], sizeof(words[i]), "--%s", names[i]);
		for (int again = 0; again < 2; again++) {
			argv[argc++] = words[i];
			if (i % 3)
				argv[argc++] = again ? "second" : "first";
		}
	}
	take(argc, argv);
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(flags[i], i % 3 == 0);
		if (i % 3 == 1)
			assert_string_equal(texts[i], "second");
		else
			assert_null(texts[i]);
		assert_int_equal(lists[i].count, i % 3 == 2 ? 2 : 0);
		if (i % 3 == 2) {
			assert_string_equal(lists[i].items[0], "first");
			assert_string_equal(lists[i].items[1], "second");
		}
	}
}

static void test_letters(void **state)
{
	char *argv[] = {"many", "-AB", "x", "-Cy", "-Y"};
	(void)state;
	take(5, argv);
	assert_true(flags[0]);
	assert_string_equal(texts[1], "x");
	assert_int_equal(lists[2].count, 1);
	assert_string_equal(lists[2].items[0], "y");
	assert_true(flags[24]);
}

static void test_refused(void **state)
{
	char *unknown[] = {"many", "--nothing"}, *lacking[] = {"many", "-B"},
	     *extra[] = {"many", "-A", "word"};
	int first, status;

	(void)state;
	assert_int_equal(command_options(&command, options, 2, unknown, 0, &first, &status),
			 -1);
	assert_int_equal(status, EXIT_USAGE);
	assert_int_equal(command_options(&command, options, 2, lacking, 0, &first, &status),
			 -1);
	assert_int_equal(status, EXIT_USAGE);
	assert_int_equal(command_options(&command, options, 3, extra, 0, &first, &status), -1);
	assert_int_equal(status, EXIT_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_all, begin, end),
		cmocka_unit_test_setup_teardown(test_letters, begin, end),
		cmocka_unit_test_setup_teardown(test_refused, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
