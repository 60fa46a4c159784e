// SPDX-License-Identifier: GPL-2.0-only
/* Makes the running daemon read its file again, and prints the result. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/cmd/command.h"
#include "user/kernel/open.h"
#include "user/kernel/pins.h"
#include "user/kernel/reload_record.h"

#define LOOK_MS  20
#define ANSWER_S 60 /* that long no main loop stands still: the watchdog ends it */

/* The daemon as it runs now; its pid may be another's tomorrow. Returns an open file. */
static int open_daemon(const struct headcount_bpf *object, int *pid)
{
	int fd;

	*pid = pins_holder();
	if (!*pid)
		return hc_error("not running: enforcement is pinned, but no process can reload "
				"(start headcount run --pin)");
	fd = syscall(SYS_pidfd_open, *pid, 0);
	if (fd < 0 && errno != ESRCH)
		return hc_error_errno(errno, "cannot find headcount run (pid %d)", *pid);
	/* If it holds the lock still, it was the holder that we opened. */
	if (fd >= 0 && pins_holder() == *pid && pins_are_of(object))
		return fd;
	if (fd >= 0)
		close(fd);
	return hc_error("headcount run (pid %d) has just ended", *pid);
}

static bool has_ended(int daemon)
{
	struct pollfd poll_fd = {.fd = daemon, .events = POLLIN};

	return poll(&poll_fd, 1, LOOK_MS) > 0;
}

/* Waits for a reload that began after number `before`. */
static int wait_answer(const struct headcount_bpf *object, int daemon, int pid, __u64 before,
		       struct hc_reload *answer)
{
	__u64 until_ns = clock_monotonic_ns() + ANSWER_S * NS_PER_SECOND;
	bool ended;
	int error;

	do {
		ended = has_ended(daemon);
		error = reload_record_read(object, answer); /* its last word, if it has ended */
		if (error || answer->ended > before)
			return error;
	} while (!ended && pins_are_of(object) && clock_monotonic_ns() < until_ns);
	if (ended || !pins_are_of(object))
		return hc_error("headcount run (pid %d) ended before it answered", pid);
	return hc_error("headcount run (pid %d) has not answered for %d seconds", pid,
			ANSWER_S);
}

/* The result goes to stdout, if it is a good one; all else is for a person. */
static void tell_answer(struct hc_reload *answer)
{
	char *line, *rest = answer->said;

	while ((line = strsep(&rest, "\n")) && *line) {
		if (answer->result == HC_RELOAD_DONE && !*rest)
			puts(line);
		else
			log_repeat(line);
	}
}

static int ask_to_reload(const struct headcount_bpf *object, enum hc_reload_result *result)
{
	struct hc_reload answer;
	int pid, daemon = open_daemon(object, &pid), error;
	__u64 before;

	if (daemon < 0)
		return daemon;
	error = reload_record_read(object, &answer);
	before = answer.begun;
	if (!error && syscall(SYS_pidfd_send_signal, daemon, SIGHUP, NULL, 0))
		error = hc_error_errno(errno, "cannot signal headcount run (pid %d)", pid);
	error = error ?: wait_answer(object, daemon, pid, before, &answer);
	close(daemon);
	if (error)
		return error;
	tell_answer(&answer);
	*result = answer.result;
	return 0;
}

int cmd_reload(const struct command *command, int argc, char **argv)
{
	const struct command_option options[] = {{}};
	enum hc_reload_result result = HC_RELOAD_FAILED;
	struct headcount_bpf *object = NULL;
	int first, status, error;

	if (command_options(command, options, argc, argv, 0, &first, &status))
		return status;
	error = open_maps(&object, 0);
	error = error ?: ask_to_reload(object, &result);
	headcount_bpf__destroy(object);
	return error ? EXIT_FAILED : (int)result;
}
