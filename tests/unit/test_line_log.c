// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "user/events/line_log.h"
#include "user/events/print.h"

#define LIMIT 300000

static struct line_log lines;
static __u64 sequence; /* of the last line */

/* Takes `room` bytes, and then no more. */
struct taker {
	struct line_reader reader;
	size_t room;
	struct print_buffer got;
};

static ssize_t take(struct line_reader *reader, const char *text, size_t length)
{
	struct taker *taker = (struct taker *)reader;
	size_t some = length < taker->room ? length : taker->room;
	char *p = print_reserve(&taker->got, some + 1);

	if (!some)
		return -EAGAIN;
	assert_non_null(p);
	print_commit(&taker->got, mempcpy(p, text, some));
	taker->room -= some;
	return some;
}

static void join(struct taker *taker, size_t room)
{
	*taker = (struct taker){
		.reader = {.write = take, .reason = HC_LOSS_SUBSCRIBER_SLOW, .fd = -1},
		.room = room,
	};
	line_log_join(&lines, &taker->reader);
}

static void leave(struct taker *taker)
{
	line_log_leave(&taker->reader);
	print_buffer_free(&taker->got);
}

static int set_up(void **state)
{
	(void)state;
	lines = (struct line_log){.limit = LIMIT};
	sequence = 0;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	line_log_trim(&lines);
	line_log_free(&lines);
	return 0;
}

/* `count` more lines "N ......\n" of 100 bytes, in one batch. */
static void append(struct print_buffer *batch, int count)
{
	for (int i = 0; i < count; i++) {
		char *p = print_reserve(batch, 101);

		assert_non_null(p);
		sprintf(p, "%-99llu\n", ++sequence);
		print_commit(batch, p + 100);
	}
	assert_int_equal(line_log_append(&lines, batch, sequence), 0);
	assert_int_equal(batch->length, 0);
}

/* Checks that the lines are `next` .. `last`, but for one that tells of the gap; returns how
 * many that says are lost. */
static __u64 check(struct taker *taker, __u64 next, __u64 last)
{
	const char *at = taker->got.data, *end = at + taker->got.length, *key;
	__u64 lost = 0, told, number;

	for (; at < end; at = strchr(at, '\n') + 1, next++) {
		if (*at != '{') {
			assert_int_equal(strtoull(at, NULL, 10), next);
			continue;
		}
		key = strstr(at, "\"headcount.events-lost\":");
		assert_non_null(key);
		told = strtoull(strchr(key, ':') + 1, NULL, 10);
		number = strtoull(strstr(at, "sequence\":") + 10, NULL, 10);
		assert_non_null(strstr(at, "\"event.reason\":\"subscriber-slow\""));
		assert_int_equal(number, next + told - 1);
		next = number;
		lost += told;
	}
	assert_int_equal(next, last + 1);
	return lost;
}

static void all_keep_up(void **state)
{
	struct print_buffer batch = {};
	struct taker one, two;

	(void)state;
	join(&one, SIZE_MAX / 2);
	append(&batch, 10);
	assert_int_equal(line_flush(&one.reader), 0);
	join(&two, SIZE_MAX / 2);
	for (int i = 0; i < 100; i++) {
		append(&batch, 700);
		assert_int_equal(line_flush(&one.reader), 0);
		assert_int_equal(line_flush(&two.reader), 0);
		line_log_trim(&lines);
		assert_null(lines.first);
		assert_int_equal(lines.bytes, 0);
	}
	assert_int_equal(check(&one, 1, sequence), 0);
	assert_int_equal(check(&two, 11, sequence), 0);
	assert_int_equal(lines.losses[HC_LOSS_SUBSCRIBER_SLOW], 0);
	leave(&one);
	leave(&two);
	print_buffer_free(&batch);
}

/* One lags, and loses what is too much; the other does not notice. */
static void one_lags(void **state)
{
	struct print_buffer batch = {};
	struct taker slow, quick;

	(void)state;
	join(&quick, SIZE_MAX / 2);
	join(&slow, 250); /* two lines and a half */
	for (int i = 0; i < 200; i++) {
		append(&batch, i % 2 ? 1 : 70);
		assert_int_equal(line_flush(&quick.reader), 0);
		assert_int_equal(line_flush(&slow.reader), -EAGAIN);
		line_log_trim(&lines);
		assert_true(lines.bytes <= LIMIT);
	}
	assert_int_equal(slow.got.length, 250);
	assert_int_equal(line_left(&slow.reader), sequence - 2);
	slow.room = SIZE_MAX / 2;
	assert_int_equal(line_flush(&slow.reader), 0);
	assert_int_equal(check(&quick, 1, sequence), 0);
	assert_int_equal(check(&slow, 1, sequence), lines.losses[HC_LOSS_SUBSCRIBER_SLOW]);
	assert_true(lines.losses[HC_LOSS_SUBSCRIBER_SLOW] > sequence / 2);
	assert_int_equal(line_left(&slow.reader), 0);
	leave(&slow);
	leave(&quick);
	print_buffer_free(&batch);
}

/* Whatever room comes when, what it gets are whole lines and true numbers. */
static void any_pace(void **state)
{
	struct print_buffer batch = {};
	struct taker taker;
	__u64 lost;

	(void)state;
	srandom(1);
	join(&taker, 0);
	for (int i = 0; i < 20000; i++) {
		append(&batch, random() % 50);
		taker.room = random() % 64 ? random() % 30 : random() % 150000;
		line_flush(&taker.reader);
		line_log_trim(&lines);
	}
	taker.room = SIZE_MAX / 2;
	assert_int_equal(line_flush(&taker.reader), 0);
	lost = check(&taker, 1, sequence);
	assert_int_equal(lost, lines.losses[HC_LOSS_SUBSCRIBER_SLOW]);
	assert_in_range(lost, 1, sequence - 1);
	leave(&taker);
	print_buffer_free(&batch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_keep_up, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_lags, set_up, tear_down),
		cmocka_unit_test_setup_teardown(any_pace, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
