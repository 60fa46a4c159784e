// SPDX-License-Identifier: GPL-2.0-only
#include <curses.h>
#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/base/number.h"
#include "user/cmd/command.h"
#include "user/cmd/fleet.h"
#include "user/top/top.h"

#define REDRAW_MS 1000 /* the age of the data is on the screen */
#define LEISURE   4    /* a pause is at least so many times as long as the reading took */

static int until_reading(const struct top *top, __u64 next_ns)
{
	__u64 now = clock_monotonic_ns(),
	      ms = next_ns > now ? (next_ns - now) / NS_PER_MS + 1 : 0;

	return top->paused || ms > REDRAW_MS ? REDRAW_MS : (int)ms;
}

/* Sleeps until a key, a signal or the time. False: the person or the terminal has gone. */
static bool keys(struct top *top, int ms, const sigset_t *asleep)
{
	struct timespec wait = clock_timespec(ms * NS_PER_MS);
	struct pollfd terminal = {.fd = STDIN_FILENO, .events = POLLIN};
	int ready = ppoll(&terminal, 1, &wait, asleep), kind;
	wint_t key;

	if (top_stop_asked || (ready < 0 && errno != EINTR))
		return false;
	while ((kind = get_wch(&key)) != ERR) {
		if (!top_key(top, key, kind == KEY_CODE_YES))
			return false;
		if (top->stale)
			break;
	}
	return ready <= 0 || !(terminal.revents & (POLLHUP | POLLERR | POLLNVAL));
}

static void watch(struct top *top, const sigset_t *asleep)
{
	__u64 next_ns = 0, pause, start;
	int wait;

	do {
		if (top->stale || (!top->paused && clock_monotonic_ns() >= next_ns)) {
			start = clock_monotonic_ns();
			top_read(top);
			pause = LEISURE * top->took_ns;
			if (pause < top->seconds * NS_PER_SECOND)
				pause = top->seconds * NS_PER_SECOND;
			next_ns = start + pause;
		}
		top_screen_draw(top);
		wait = top->stale ? 0 : until_reading(top, next_ns);
	} while (keys(top, wait, asleep));
}

static int watch_users(struct top *top)
{
	sigset_t asleep;
	int error = top_read(top); /* what fails now fails as in every other command */

	if (error)
		return error;
	top_catch_signals(&asleep);
	error = top_terminal_open();
	if (error)
		return error;
	log_divert(top_hear);
	watch(top, &asleep);
	top_terminal_close();
	log_divert(NULL);
	return 0;
}

/* Prints the error: bad usage. */
static int check_usage(struct top *top, const char *seconds)
{
	if (number_parse(seconds, 1, 3600, &top->seconds))
		return hc_error("top: --interval is 1 to 3600 seconds, not %s", seconds);
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return hc_error("top needs a terminal (for scripts: headcount users --json)");
	return 0;
}

int cmd_top(const struct command *command, int argc, char **argv)
{
	static struct top top; /* large */
	struct fleet_options fleet = {};
	const char *seconds = "1";
	const struct command_option options[] = {
		OPTION_TEXT("service", 's', "SERVICE", "only this service's users",
			    &top.service),
		FLEET_OPTIONS(&fleet),
		OPTION_TEXT("interval", 'i', "SECONDS", "refresh interval (1)", &seconds),
		{},
	};
	int first, status, error;

	if (command_options(command, options, argc, argv, 0, &first, &status))
		return status;
	if (fleet_options_check(&fleet, command->name) || check_usage(&top, seconds))
		return EXIT_USAGE;
	setlocale(LC_CTYPE, "");
	if (fleet.on)
		return fleet_top(&fleet, top.service, top.seconds);
	error = watch_users(&top);
	users_caps_free(&top.caps);
	top_users_free(&top.users);
	top_sessions_free(&top.sessions);
	top_forget_asked(&top);
	headcount_bpf__destroy(top.object);
	return error ? EXIT_FAILED : EXIT_DONE;
}
