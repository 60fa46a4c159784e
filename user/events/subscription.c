// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/config/sink_list.h"
#include "user/events/event_line.h"
#include "user/events/print.h"
#include "user/events/subscription.h"

#define READ_ROOM (1 << 18)

int subscription_open(struct subscription *subscription)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd, error;

	if (strlen(subscription->path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, subscription->path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		error = -errno;
		close(fd);
		return error;
	}
	hc_step("connected to %s", subscription->path);
	subscription->fd = fd;
	if (subscription->resumed)
		hc_notice("connected to %s again", subscription->path);
	return 0;
}

static void tell_gap(const struct subscription *subscription, __u64 lost, __u64 last,
		     const char *reason, subscription_line *line, void *context)
{
	struct print_context print = {.sequence = last - 1, .origin = &subscription->origin};
	struct print_buffer text = {};

	if (!subscription->gap_as_line)
		return;
	print_json_lost(&text, &print, clock_realtime_ns(), reason, lost);
	if (text.length)
		line(context, text.data, text.length);
	print_buffer_free(&text);
}

/* The first line since we were connected again has this number. A run counts its lines, but
 * of another one it is not known how many came after the last that we have. */
static void tell_missed(const struct subscription *subscription, bool restarted, __u64 sequence,
			subscription_line *line, void *context)
{
	__u64 lost = sequence - subscription->sequence - 1;

	if (restarted || sequence <= subscription->sequence) {
		hc_notice("the daemon was restarted: missed %llu of its events, and an unknown "
			  "number of the last one's",
			  sequence - 1);
		tell_gap(subscription, PRINT_LOST_UNKNOWN, sequence - 1, "daemon-restarted",
			 line, context);
	} else if (lost) {
		hc_notice("missed %llu events", lost);
		tell_gap(subscription, lost, sequence - 1, "not-connected", line, context);
	}
}

/* The first line of a connection. */
static void begin(struct subscription *subscription, const char *text, size_t length,
		  __u64 sequence, subscription_line *line, void *context)
{
	bool restarted = !origin_has_line(&subscription->origin, text, length);

	origin_of_line(&subscription->origin, text, length);
	if (subscription->resumed)
		tell_missed(subscription, restarted, sequence, line, context);
	subscription->resumed = false;
}

/* Such a line has no number. */
static bool is_turned_away(const char *text, size_t length)
{
	return memmem(text, length, SUBSCRIBERS_FULL, strlen(SUBSCRIBERS_FULL));
}

static void give_lines(struct subscription *subscription, subscription_line *line,
		       void *context)
{
	struct print_buffer *in = &subscription->in;
	const char *at = in->data, *end = at + in->length, *newline;
	__u64 sequence;

	for (; (newline = memchr(at, '\n', end - at)); at = newline + 1) {
		sequence = event_line_sequence(at, newline - at);
		if (!sequence && is_turned_away(at, newline - at)) {
			subscription->full = true;
			continue;
		}
		if (sequence && (subscription->resumed || !subscription->sequence))
			begin(subscription, at, newline - at, sequence, line, context);
		subscription->sequence = sequence ?: subscription->sequence;
		line(context, at, newline + 1 - at);
	}
	in->length = end - at;
	memmove(in->data, at, in->length);
}

static void lose_daemon(struct subscription *subscription)
{
	if (!subscription->full)
		hc_notice("the daemon ended; waiting for the next at %s", subscription->path);
	close(subscription->fd);
	subscription->fd = -1;
	subscription->resumed = true;
	subscription->in.length = 0;
}

void subscription_read(struct subscription *subscription, subscription_line *line,
		       void *context)
{
	char *p = print_reserve(&subscription->in, READ_ROOM);
	ssize_t got = p ? recv(subscription->fd, p, READ_ROOM, MSG_DONTWAIT) : -1;

	if (got > 0) {
		print_commit(&subscription->in, p + got);
		give_lines(subscription, line, context);
	} else if (p && (!got || (errno != EAGAIN && errno != EINTR))) {
		lose_daemon(subscription);
	}
}

void subscription_free(struct subscription *subscription)
{
	if (subscription->fd >= 0)
		close(subscription->fd);
	print_buffer_free(&subscription->in);
}
