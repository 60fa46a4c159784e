// SPDX-License-Identifier: GPL-2.0-only
/* A subscriber: lines from the daemon's socket, filtered and printed. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "user/base/log.h"
#include "user/base/user_name.h"
#include "user/base/words.h"
#include "user/cmd/command.h"
#include "user/config/sink_list.h"
#include "user/events/event_line.h"
#include "user/events/print.h"
#include "user/events/print_zeek.h"
#include "user/events/subscription.h"
#include "user/kernel/open.h"
#include "user/sessions/list.h"

#define WRITE_AT (1 << 16)
#define RETRY_MS 200

struct output {
	enum { AS_JSON, AS_TEXT, AS_ZEEK } format;
	const char *service, *user; /* NULL: all */
	const char *action;         /* the same; as the lines have it */
	char whole[HC_USER_TEXT];   /* the user as a service writes him, or "" */
	struct print_buffer out;
	struct print_context context;
	int error; /* of the last write */
};

static volatile sig_atomic_t stop_asked;

static void on_stop_signal(int signal)
{
	(void)signal;
	stop_asked = 1;
	alarm(1); /* it may have come just before we wait */
}

static void flush_out(struct output *output)
{
	const char *at = output->out.data, *end = at + output->out.length;
	struct pollfd ready = {STDOUT_FILENO, POLLOUT, 0};
	ssize_t got;

	while (at < end && !output->error) {
		got = write(STDOUT_FILENO, at, end - at);
		if (got >= 0)
			at += got;
		else if (errno == EAGAIN && !stop_asked) /* whoever shares it made it so */
			poll(&ready, 1, 1000);
		else if (errno != EINTR || stop_asked)
			output->error = -errno;
	}
	output->out.length = 0;
}

static void put_line(struct output *output, const char *text, size_t length)
{
	char *p = print_reserve(&output->out, length);

	if (p)
		print_commit(&output->out, (char *)mempcpy(p, text, length));
}

/* A user as `users` writes it: JSON has a uid where people have an account's name. */
static const char *shown_user(const struct event_line *line, char text[HC_USER_TEXT])
{
	struct hc_user_key key = {.kind = HC_BY_UID};
	char *end;

	if (!*line->user || strspn(line->user, "0123456789") != strlen(line->user))
		return line->user;
	key.uid = strtoul(line->user, &end, 10);
	return user_key_format(&key, true, text, HC_USER_TEXT);
}

static bool is_wanted(const struct output *output, const struct event_line *line,
		      const char *user)
{
	if (output->action && strcmp(line->action, output->action))
		return false;
	/* A gap may hide whatever is looked for. */
	if (event_line_is(line, ACTION_LOST))
		return true;
	if (output->service && strcmp(line->service, output->service))
		return false;
	return !output->user || !strcmp(line->user, output->user) ||
	       !strcmp(user, output->user) ||
	       (*output->whole && !strcmp(line->user, output->whole));
}

/* That a host is alone, or no longer: no session's line. */
static bool is_of_fleet(const struct event_line *line)
{
	return !strncmp(line->action, "fleet-", strlen("fleet-"));
}

static void print_as_text(struct output *output, const struct event_line *line,
			  const char *user)
{
	if (event_line_is(line, ACTION_LOST))
		print_text_lost(&output->out, &output->context, line->event.time_ns,
				line->reason, line->lost);
	else if (is_of_fleet(line))
		hc_notice("%s", line->action);
	else
		print_text_row(&output->out, &output->context, &line->event,
			       &(const struct print_names){line->service, user, line->process,
							   line->before});
}

/* conn.log has no line for a gap. */
static void print_as_zeek(struct output *output, const struct event_line *line)
{
	if (event_line_is(line, ACTION_LOST))
		hc_notice("lost %llu events: %s", line->lost, line->reason);
	else if (is_of_fleet(line))
		hc_notice("%s", line->action);
	else
		print_zeek_event(&output->out, line);
}

static void on_line(void *context, const char *text, size_t length)
{
	struct output *output = context;
	char space[HC_USER_TEXT];
	struct event_line line;
	const char *user;

	if (output->format == AS_JSON && !output->service && !output->user && !output->action) {
		put_line(output, text, length);
	} else if (event_line_parse(&line, text, length)) {
		hc_error("the socket sent a line that is not an event");
	} else {
		user = shown_user(&line, space);
		if (!is_wanted(output, &line, user))
			; /* printed by others */
		else if (output->format == AS_JSON)
			put_line(output, text, length);
		else if (output->format == AS_TEXT)
			print_as_text(output, &line, user);
		else
			print_as_zeek(output, &line);
		event_line_free(&line);
	}
	if (output->out.length >= WRITE_AT)
		flush_out(output);
}

/* Waits for the socket (-1: for `ms`), but not for ever for a stdout that nobody reads. */
static void wait_for(struct output *output, int fd, int ms)
{
	struct pollfd polls[] = {{fd, POLLIN, 0}, {STDOUT_FILENO, 0, 0}};

	if (poll(polls, 2, ms) > 0 && polls[1].revents & (POLLERR | POLLHUP))
		output->error = -EPIPE;
}

static int follow(struct subscription *from, struct output *output)
{
	int error = subscription_open(from);

	if (error)
		return hc_error_errno(
			error, "cannot connect to %s (does headcount run with events = unix?)",
			from->path);
	while (!stop_asked && !output->error && !from->full) {
		wait_for(output, from->fd, from->fd < 0 ? RETRY_MS : -1);
		if (stop_asked || output->error)
			break;
		if (from->fd >= 0)
			subscription_read(from, on_line, output);
		else
			subscription_open(from);
		flush_out(output);
	}
	if (from->full && !stop_asked)
		return hc_error("%s is full: events_max subscribers are connected", from->path);
	return stop_asked || output->error == -EPIPE
		       ? 0
		       : hc_error_errno(output->error, "cannot write");
}

static int parse_options(const struct command *command, struct output *output,
			 const char *format, const char *action)
{
	static const char *const formats[] = {"json", "text", "zeek"};
	size_t i;

	for (i = 0; i < 3 && strcmp(formats[i], format);)
		i++;
	if (i == 3)
		return hc_error("%s: bad format %s: json, text or zeek", command->name, format);
	output->format = i;
	for (i = 0; action && i < ACTION_COUNT && strcmp(word_of_action(i), action);)
		i++;
	if (i == ACTION_COUNT)
		return hc_error("%s: bad action %s: opened, closed, refused, killed or lost",
				command->name, action);
	output->action = action ? name_of_action(i) : NULL;
	return 0;
}

/* An unknown service, or a name that cannot be a user of any, is an error. */
static int check(struct output *output)
{
	struct session_filter filter = {.service = -1, .user = output->user};
	struct headcount_bpf *object = output->service || output->user ? open_quietly() : NULL;
	struct policy *policy = NULL;
	int error = 0;

	if (object) {
		error = policy_read_new(object, &policy);
		error = error ?: session_filter_service(&filter, policy, output->service);
		error = error ?: session_filter_user(&filter, policy, SESSION_USER_IS);
		/* An address may be written in many ways, and lines have one of them. */
		for (int id = 0; id < HC_SERVICES_MAX; id++)
			if (filter.known[id] && filter.users[id].kind == HC_BY_CLIENT)
				user_key_format(&filter.users[id], false, output->whole,
						sizeof(output->whole));
	}
	headcount_bpf__destroy(object);
	free(policy);
	return error;
}

int cmd_events(const struct command *command, int argc, char **argv)
{
	struct output output = {};
	struct subscription from = {.path = SINK_SOCKET, .fd = -1};
	struct sigaction action = {.sa_handler = on_stop_signal};
	const char *format = "json", *action_word = NULL;
	const struct command_option options[] = {
		OPTION_TEXT("service", 's', "SERVICE", "only this service's events",
			    &output.service),
		OPTION_TEXT("user", 'u', "USER", "only this user's events", &output.user),
		OPTION_TEXT("action", 'a', "ACTION",
			    "only opened, closed, refused, killed or lost", &action_word),
		OPTION_TEXT("format", 'f', "FORMAT", "json (default), text or zeek", &format),
		OPTION_TEXT("socket", 0, "PATH", "socket to read (" SINK_SOCKET ")",
			    &from.path),
		{},
	};
	int first, status, error;

	if (command_options(command, options, argc, argv, 0, &first, &status))
		return status;
	if (parse_options(command, &output, format, action_word))
		return EXIT_USAGE;
	if (check(&output))
		return EXIT_FAILED;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGALRM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	from.gap_as_line = output.format != AS_ZEEK;
	if (output.format == AS_TEXT) {
		output.context.terminal = print_terminal(STDOUT_FILENO);
		print_text_header(&output.out, &output.context);
	} else if (output.format == AS_ZEEK) {
		print_zeek_header(&output.out, time(NULL));
	}
	error = follow(&from, &output);
	if (output.format == AS_ZEEK && !error && !output.error) {
		print_zeek_close(&output.out, time(NULL));
		flush_out(&output);
	}
	subscription_free(&from);
	print_buffer_free(&output.out);
	return error ? EXIT_FAILED : EXIT_DONE;
}
