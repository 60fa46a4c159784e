// SPDX-License-Identifier: GPL-2.0-only
/* What goes to stderr: how much, and with which priority. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "user/base/log.h"

static int kept = -1, place = -1;
static char heard[8192], diverted[256];

/* stderr is a file until the end. */
static int begin(void **state)
{
	char path[] = "/tmp/test_log_XXXXXX";

	(void)state;
	unsetenv("JOURNAL_STREAM");
	log_set_detail(0);
	kept = dup(STDERR_FILENO);
	place = mkstemp(path);
	return unlink(path) || dup2(place, STDERR_FILENO) < 0 ? -1 : 0;
}

static int end(void **state)
{
	(void)state;
	dup2(kept, STDERR_FILENO);
	close(kept);
	close(place);
	return 0;
}

/* What was written to stderr since. */
static const char *hear(void)
{
	ssize_t length = pread(place, heard, sizeof(heard) - 1, 0);

	assert_true(length >= 0);
	heard[length] = '\0';
	assert_int_equal(ftruncate(place, 0), 0);
	lseek(STDERR_FILENO, 0, SEEK_SET);
	return heard;
}

static void say_each(void)
{
	assert_int_equal(hc_error("error %d\n", 1), -EINVAL);
	assert_int_equal(hc_error_errno(ENOENT, "error %d", 2), -ENOENT);
	hc_notice("notice");
	hc_step("step");
	log_words(LOG_LIBBPF, "libbpf: one\n\x1b[31mlibbpf: two\n");
	log_words(LOG_VERIFIER, "verifier");
}

#define ALWAYS                                                                                 \
	"headcount: error 1\\x0a\n"                                                            \
	"headcount: error 2: No such file or directory\n"                                      \
	"headcount: notice\n"
#define STEPS  ALWAYS "headcount: step\n"
#define LIBBPF STEPS "headcount: libbpf: one\nheadcount: \\x1b[31mlibbpf: two\n"

static void test_detail(void **state)
{
	static const char *const want[] = {ALWAYS, STEPS, LIBBPF,
					   LIBBPF "headcount: verifier\n",
					   LIBBPF "headcount: verifier\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		say_each();
		assert_string_equal(hear(), want[i]);
		log_more();
	}
}

/* The stream that systemd names is stderr's file, or another one. */
static void test_priorities(void **state)
{
	char stream[64];
	struct stat file;

	(void)state;
	log_set_detail(LOG_VERIFIER);
	assert_int_equal(fstat(STDERR_FILENO, &file), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)file.st_dev,
		 (unsigned long long)file.st_ino);
	setenv("JOURNAL_STREAM", stream, true);
	say_each();
	assert_string_equal(hear(), "<3>headcount: error 1\\x0a\n"
				    "<3>headcount: error 2: No such file or directory\n"
				    "<5>headcount: notice\n"
				    "<6>headcount: step\n"
				    "<7>headcount: libbpf: one\n"
				    "<7>headcount: \\x1b[31mlibbpf: two\n"
				    "<7>headcount: verifier\n");
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)file.st_dev,
		 (unsigned long long)file.st_ino + 1);
	setenv("JOURNAL_STREAM", stream, true);
	hc_notice("notice");
	assert_string_equal(hear(), "headcount: notice\n");
	setenv("JOURNAL_STREAM", "nonsense", true);
	hc_notice("notice");
	assert_string_equal(hear(), "headcount: notice\n");
}

/* A library's line of any length is whole, on as many lines as it takes. */
static void test_long(void **state)
{
	char text[2501];
	size_t count = 0;

	(void)state;
	log_set_detail(LOG_LIBBPF);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_words(LOG_LIBBPF, text);
	for (const char *at = hear(); *at; at++)
		count += *at == 'x';
	assert_int_equal(count, sizeof(text) - 1);
}

static void take(const char *line)
{
	snprintf(diverted, sizeof(diverted), "%s", line);
}

static void test_diverted(void **state)
{
	(void)state;
	log_divert(take);
	hc_notice("notice");
	log_divert(NULL);
	assert_string_equal(diverted, "notice");
	assert_string_equal(hear(), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_detail, begin, end),
		cmocka_unit_test_setup_teardown(test_priorities, begin, end),
		cmocka_unit_test_setup_teardown(test_long, begin, end),
		cmocka_unit_test_setup_teardown(test_diverted, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
