// SPDX-License-Identifier: GPL-2.0-only
#include <curses.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "user/base/clock.h"
#include "user/base/human.h"
#include "user/base/log.h"
#include "user/cmd/fleet_rows.h"
#include "user/top/draw.h"

#define LEISURE   4    /* a pause is at least so many times as long as the asking took */
#define REDRAW_MS 1000 /* the age of the data is on the screen */
#define HEAD      3    /* lines above the rows, */
#define NUMBER    9    /* columns of a number */
#define NUMBERS   5
#define SERVICE   16

struct watch {
	const struct fleet_options *fleet;
	const char *service;
	struct fleet_request request;
	unsigned int seconds;
	struct fleet_rows rows;
	size_t hosts, silent;
	__u64 sessions, read_ns, took_ns;
	size_t first; /* row on the screen */
	enum fleet_order order;
	bool paused;
};

static char trouble[TOP_LINE]; /* what was said first while it was asked last */

static void hear(const char *line)
{
	if (!*trouble)
		snprintf(trouble, sizeof(trouble), "%s", line);
}

/* Without the store the last rows stay. */
static int read_users(struct watch *watch)
{
	struct fleet_answers answers = {};
	struct fleet_rows rows = {};
	__u64 began = clock_monotonic_ns();
	bool whole;
	int status;

	*trouble = '\0';
	status = fleet_gather(watch->fleet, &watch->request, &answers, &whole);
	if (status == EXIT_DONE && !fleet_rows_take(&rows, &answers, watch->order, &whole)) {
		fleet_rows_free(&watch->rows);
		watch->rows = rows;
		watch->hosts = answers.count;
		watch->silent = watch->sessions = 0;
		watch->read_ns = clock_monotonic_ns();
		for (size_t i = 0; i < answers.count; i++)
			watch->silent += !answers.hosts[i].ended;
		for (size_t i = 0; i < rows.count; i++)
			watch->sessions += rows.items[i].active;
	}
	fleet_answers_free(&answers);
	watch->took_ns = clock_monotonic_ns() - began;
	return status;
}

static void draw_number(int y, int place, const char *text, enum top_look look)
{
	top_put(y, COLS - (NUMBERS - place) * NUMBER, NUMBER, text, TOP_RIGHT, look);
}

static void draw_row(int y, const struct fleet_row *row)
{
	const __u64 numbers[NUMBERS] = {row->active, row->cap, row->hosts, row->opened,
					row->refused};
	bool full = row->capped && !row->differs && row->active >= row->cap;
	const enum top_look look = full ? TOP_ALARM : TOP_PLAIN;
	char text[TOP_NUMBER];

	top_put(y, 0, COLS, "", TOP_LEFT, look);
	top_put(y, 0, SERVICE, row->service, TOP_LEFT, look);
	top_put(y, SERVICE + 1, COLS - SERVICE - 2 - NUMBERS * NUMBER, row->user, TOP_MIDDLE,
		look);
	for (int i = 0; i < NUMBERS; i++) {
		top_count(numbers[i], NUMBER - 1, text, sizeof(text));
		if (i == 1 && (row->differs || !row->capped))
			strcpy(text, row->differs ? "differ" : "-");
		draw_number(y, i, text, look);
	}
}

static void draw_head(const struct watch *watch)
{
	static const char *const headings[NUMBERS] = {"ACTIVE", "CAP", "HOSTS", "OPENED",
						      "REFUSED"};
	static const char *const orders[] = {"active", "refused", "opened"};
	char line[TOP_LINE], age[HUMAN_TEXT];
	__u64 old = (clock_monotonic_ns() - watch->read_ns) / NS_PER_SECOND;

	snprintf(line, sizeof(line),
		 "fleet: %zu host%s, %zu without an answer%s%s; data of %s ago%s", watch->hosts,
		 watch->hosts == 1 ? "" : "s", watch->silent,
		 watch->service ? "; service " : "", watch->service ?: "",
		 human_duration(old, age), watch->paused ? "; PAUSED" : "");
	top_put(0, 0, COLS, line, TOP_LEFT, TOP_BOLD);
	snprintf(line, sizeof(line), "%llu sessions, %zu users, by %s", watch->sessions,
		 watch->rows.count, orders[watch->order]);
	top_put(1, 0, COLS, line, TOP_LEFT, TOP_PLAIN);
	top_put(2, 0, COLS, "SERVICE", TOP_LEFT, TOP_INVERSE);
	top_put(2, SERVICE + 1, COLS - SERVICE - 2 - NUMBERS * NUMBER, "USER", TOP_LEFT,
		TOP_INVERSE);
	for (int i = 0; i < NUMBERS; i++)
		draw_number(2, i, headings[i], TOP_INVERSE);
}

static size_t height(void)
{
	return LINES > HEAD + 1 ? LINES - HEAD - 1 : 1;
}

static void draw(struct watch *watch)
{
	erase();
	if (watch->first + height() > watch->rows.count)
		watch->first = watch->rows.count > height() ? watch->rows.count - height() : 0;
	draw_head(watch);
	for (size_t i = 0; i < height() && watch->first + i < watch->rows.count; i++)
		draw_row(HEAD + i, &watch->rows.items[watch->first + i]);
	if (*trouble)
		top_put(LINES - 1, 0, COLS, trouble, TOP_LEFT, TOP_ALARM);
	else
		top_put(LINES - 1, 0, COLS, "q quit  s sort  Space pause  arrows scroll",
			TOP_LEFT, TOP_PLAIN);
	refresh();
}

static void scroll_by(struct watch *watch, long rows)
{
	if (rows < 0 && watch->first < (size_t)-rows)
		watch->first = 0;
	else
		watch->first += rows;
}

/* False: the person wants to leave. */
static bool take_key(struct watch *watch, wint_t key, bool special)
{
	if (!special && (key == 'q' || key == 27))
		return false;
	if (!special && key == ' ')
		watch->paused = !watch->paused;
	if (!special && key == 's') {
		watch->order = (watch->order + 1) % FLEET_ORDERS;
		fleet_rows_sort(&watch->rows, watch->order);
	}
	if (special && (key == KEY_UP || key == KEY_DOWN))
		scroll_by(watch, key == KEY_UP ? -1 : 1);
	if (special && (key == KEY_PPAGE || key == KEY_NPAGE))
		scroll_by(watch, key == KEY_PPAGE ? -(long)height() : (long)height());
	return true;
}

/* Until a key, a signal or the time. False: the person or the terminal has gone. */
static bool keys(struct watch *watch, __u64 until_ns, const sigset_t *asleep)
{
	__u64 now = clock_monotonic_ns(), most = REDRAW_MS * NS_PER_MS;
	__u64 ns = until_ns > now && until_ns - now < most ? until_ns - now : most;
	struct timespec wait = clock_timespec(until_ns > now || watch->paused ? ns : 0);
	struct pollfd terminal = {.fd = STDIN_FILENO, .events = POLLIN};
	int ready = ppoll(&terminal, 1, &wait, asleep), kind;
	wint_t key;

	if (top_stop_asked)
		return false;
	while ((kind = get_wch(&key)) != ERR)
		if (!take_key(watch, key, kind == KEY_CODE_YES))
			return false;
	return ready <= 0 || !(terminal.revents & (POLLHUP | POLLERR | POLLNVAL));
}

static __u64 next_time(const struct watch *watch)
{
	__u64 pause = LEISURE * watch->took_ns, least = watch->seconds * NS_PER_SECOND;

	return clock_monotonic_ns() + (pause > least ? pause : least);
}

static void watch_users(struct watch *watch, const sigset_t *asleep)
{
	__u64 next_ns = next_time(watch);

	do {
		if (!watch->paused && clock_monotonic_ns() >= next_ns) {
			read_users(watch);
			next_ns = next_time(watch);
		}
		draw(watch);
	} while (keys(watch, next_ns, asleep));
}

int fleet_top(const struct fleet_options *fleet, const char *service, unsigned int seconds)
{
	static struct watch watch; /* large */
	const struct command_option options[] = {
		OPTION_TEXT("service", 's', "SERVICE", "", &service),
		{},
	};
	sigset_t asleep;
	int status;

	watch.fleet = fleet;
	watch.service = service;
	watch.seconds = seconds;
	if (fleet_request_make(&watch.request, REQUEST_USERS, options, NULL, 0, true))
		return EXIT_USAGE;
	status = read_users(&watch); /* what fails now fails as in every other command */
	if (status != EXIT_DONE)
		return status;
	top_catch_signals(&asleep);
	if (top_terminal_open()) {
		fleet_rows_free(&watch.rows);
		return EXIT_FAILED;
	}
	log_divert(hear);
	watch_users(&watch, &asleep);
	top_terminal_close();
	log_divert(NULL);
	fleet_rows_free(&watch.rows);
	return EXIT_DONE;
}
