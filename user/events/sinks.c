// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/events/sink.h"
#include "user/events/sinks.h"

#define LOG_MAX (64 << 20) /* bytes of lines that are kept for those who lag, together */

static const struct sink_kind_row *const kinds[] = {
	[SINK_STDOUT] = &sink_stdout,
	[SINK_FILE] = &sink_file,
	[SINK_UNIX] = &sink_unix,
	[SINK_JOURNAL] = &sink_journal,
};

struct sinks *sinks_new(int out, const volatile sig_atomic_t *hurry, const char *host)
{
	struct sinks *sinks = calloc(1, sizeof(*sinks));

	if (!sinks) {
		hc_error_errno(ENOMEM, "cannot write events");
		return NULL;
	}
	origin_begin(&sinks->origin, host);
	sinks->log.limit = LOG_MAX;
	sinks->log.origin = &sinks->origin;
	sinks->out = out;
	sinks->hurry = hurry;
	return sinks;
}

static void close_sink(struct sink *sink)
{
	char *path = sink->spec.path;

	sink->row->free(sink);
	free(path);
}

void sinks_free(struct sinks *sinks)
{
	if (!sinks)
		return;
	while (sinks->count)
		close_sink(sinks->items[--sinks->count]);
	line_log_free(&sinks->log);
	free(sinks->polls);
	free(sinks);
}

static struct sink *find(const struct sinks *sinks, const struct sink_spec *spec)
{
	for (size_t i = 0; i < sinks->count; i++)
		if (sink_spec_equal(&sinks->items[i]->spec, spec))
			return sinks->items[i];
	return NULL;
}

static struct sink *open_sink(struct sinks *sinks, const struct sink_spec *spec,
			      const struct sink_list *list)
{
	struct sink_spec copy = {spec->kind, spec->path ? strdup(spec->path) : NULL};
	struct sink *sink = NULL;

	if (spec->path && !copy.path)
		hc_error_errno(ENOMEM, "cannot write events");
	else
		sink = kinds[spec->kind]->open(sinks, &copy, list);
	if (!sink) {
		free(copy.path);
		return NULL;
	}
	sink->row = kinds[spec->kind];
	sink->spec = copy;
	sink->sinks = sinks;
	return sink;
}

int sinks_prepare(struct sinks *sinks, const struct sink_list *list)
{
	sinks->next_count = 0;
	sinks->next_subscribers_max = list->subscribers_max;
	for (size_t i = 0; i < list->count; i++) {
		struct sink *sink = find(sinks, &list->items[i]);
		bool kept = sink;
		int error = 0;

		if (kept && sink->row->prepare)
			error = sink->row->prepare(sink, list);
		else if (!kept)
			sink = open_sink(sinks, &list->items[i], list);
		if (error || !sink) {
			sinks_abandon(sinks);
			return error ?: -EIO;
		}
		sink->wanted = kept;
		sinks->next[sinks->next_count++] = sink;
	}
	return 0;
}

void sinks_abandon(struct sinks *sinks)
{
	while (sinks->next_count) {
		struct sink *sink = sinks->next[--sinks->next_count];

		if (!sink->wanted)
			close_sink(sink);
		else if (sink->row->abandon)
			sink->row->abandon(sink);
		sink->wanted = false;
	}
}

void sinks_commit(struct sinks *sinks)
{
	for (size_t i = 0; i < sinks->count; i++)
		if (!sinks->items[i]->wanted)
			close_sink(sinks->items[i]);
	memcpy(sinks->items, sinks->next, sizeof(sinks->items));
	sinks->count = sinks->next_count;
	sinks->next_count = 0;
	sinks->subscribers_max = sinks->next_subscribers_max;
	for (size_t i = 0; i < sinks->count; i++) {
		sinks->items[i]->wanted = false;
		if (sinks->items[i]->row->commit)
			sinks->items[i]->row->commit(sinks->items[i], sinks->count == 1);
	}
	line_log_trim(&sinks->log);
}

const struct origin *sinks_origin(const struct sinks *sinks)
{
	return &sinks->origin;
}

bool sinks_want_lines(const struct sinks *sinks)
{
	if (sinks->log.readers)
		return true;
	/* Whoever connects now wants those that are read now. */
	for (size_t i = 0; i < sinks->count; i++)
		if (sinks->items[i]->row->listens)
			return true;
	return false;
}

bool sinks_want_events(const struct sinks *sinks)
{
	for (size_t i = 0; i < sinks->count; i++)
		if (sinks->items[i]->row->event)
			return true;
	return false;
}

/* Writes to one reader; one that fails leaves. */
static void serve_reader(struct line_reader *reader)
{
	int error = line_flush(reader);

	if (error && error != -EAGAIN)
		reader->fail(reader, error);
}

/* stdout has gone, and nobody else is there: that ends us. */
static int check_out(struct sinks *sinks)
{
	int error = sinks->out_error;

	if (!error || sinks->count == 1)
		return error;
	if (error == -EPIPE)
		hc_notice("standard output is closed; the other sinks still get events");
	else
		hc_error_errno(error, "cannot write events to standard output; the other sinks "
				      "still get them");
	for (size_t i = 0; i < sinks->count; i++) {
		if (sinks->items[i]->row != &sink_stdout)
			continue;
		close_sink(sinks->items[i]);
		sinks->items[i] = sinks->items[--sinks->count];
	}
	sinks->out_error = 0;
	return 0;
}

/* Takes all that connected before a line was made, so that they get it. That is at most
 * what listen() has room for, so that newcomers cannot keep us here. */
static void take_newcomers(struct sinks *sinks)
{
	for (size_t i = 0; i < sinks->count; i++) {
		struct sink *sink = sinks->items[i];

		for (int left = SOMAXCONN + 1; sink->row->listens && left; left--)
			if (!sink->row->arrived(sink))
				break;
	}
}

int sinks_write(struct sinks *sinks, struct print_buffer *lines, __u64 last)
{
	struct line_reader *reader, *next;

	if (lines->length)
		take_newcomers(sinks);
	/* Without memory they stay where they are, and are more the next time. */
	line_log_append(&sinks->log, lines, last);
	for (reader = sinks->log.readers; reader; reader = next) {
		next = reader->next;
		serve_reader(reader);
	}
	line_log_trim(&sinks->log);
	return check_out(sinks);
}

void sinks_event(struct sinks *sinks, const struct print_context *context,
		 const struct hc_event *event)
{
	for (size_t i = 0; i < sinks->count; i++)
		if (sinks->items[i]->row->event)
			sinks->items[i]->row->event(sinks->items[i], context, event);
}

void sinks_lost(struct sinks *sinks, const struct print_context *context, const char *word,
		__u64 lost)
{
	for (size_t i = 0; i < sinks->count; i++)
		if (sinks->items[i]->row->lost)
			sinks->items[i]->row->lost(sinks->items[i], context, word, lost);
}

void sinks_fleet(struct sinks *sinks, const struct print_context *context,
		 const struct print_fleet *fleet)
{
	for (size_t i = 0; i < sinks->count; i++)
		if (sinks->items[i]->row->fleet)
			sinks->items[i]->row->fleet(sinks->items[i], context, fleet);
}

static void add_poll(struct sinks *sinks, size_t *count, int fd, short events)
{
	if (*count == sinks->polls_room) {
		size_t room = 2 * sinks->polls_room + 16;
		struct pollfd *polls = reallocarray(sinks->polls, room, sizeof(*polls));

		if (!polls)
			return; /* served a nap later */
		sinks->polls = polls;
		sinks->polls_room = room;
	}
	sinks->polls[(*count)++] = (struct pollfd){fd, events, 0};
}

/* Everybody who is waited for: sinks that listen, then readers. */
static size_t gather_polls(struct sinks *sinks)
{
	size_t count = 0;

	for (size_t i = 0; i < sinks->count; i++)
		if (sinks->items[i]->row->listens)
			add_poll(sinks, &count, sinks->items[i]->row->listens(sinks->items[i]),
				 POLLIN);
	for (struct line_reader *reader = sinks->log.readers; reader; reader = reader->next)
		add_poll(sinks, &count, reader->fd, line_lags(reader) ? POLLOUT : 0);
	return count;
}

static void serve_polls(struct sinks *sinks, size_t count)
{
	struct line_reader *reader = sinks->log.readers, *next;
	size_t at = 0, sink = 0;

	for (size_t i = 0; i < sinks->count; i++)
		at += !!sinks->items[i]->row->listens;
	for (; reader && at < count; reader = next, at++) {
		next = reader->next;
		if (!sinks->polls[at].revents)
			continue;
		if (!line_lags(reader))
			reader->fail(reader, -EPIPE); /* it hung up */
		else
			serve_reader(reader);
	}
	at = 0;
	for (; sink < sinks->count && at < count; sink++) {
		if (!sinks->items[sink]->row->listens)
			continue;
		if (sinks->polls[at++].revents)
			sinks->items[sink]->row->arrived(sinks->items[sink]);
	}
	line_log_trim(&sinks->log);
}

void sinks_nap(struct sinks *sinks, int nap_ms)
{
	__u64 now = clock_monotonic_ns(), end = now + nap_ms * NS_PER_MS;
	size_t count;
	int got = 1;

	/* A signal ends the nap; who gets something does not. */
	for (; got > 0 && now < end; now = clock_monotonic_ns()) {
		count = gather_polls(sinks);
		got = poll(sinks->polls, count, (end - now + NS_PER_MS - 1) / NS_PER_MS);
		if (got > 0)
			serve_polls(sinks, count);
	}
}

/* Serves those who lag until none does, or it is time to end. */
static void wait_for_readers(struct sinks *sinks)
{
	__u64 deadline = sinks_deadline(sinks), now = clock_monotonic_ns();
	struct line_reader *reader, *next;
	bool lags = true;

	for (; lags && now < deadline; now = clock_monotonic_ns()) {
		lags = false;
		for (reader = sinks->log.readers; reader; reader = next) {
			next = reader->next;
			serve_reader(reader);
		}
		for (reader = sinks->log.readers; reader; reader = reader->next)
			lags |= line_lags(reader);
		if (lags)
			sinks_nap(sinks, 20);
	}
}

void sinks_finish(struct sinks *sinks)
{
	__u64 lines = 0, left;

	wait_for_readers(sinks);
	for (size_t i = 0; i < sinks->count; i++)
		if (sinks->items[i]->row->finish)
			sinks->items[i]->row->finish(sinks->items[i], sinks_deadline(sinks));
	for (struct line_reader *reader = sinks->log.readers; reader; reader = reader->next) {
		left = line_left(reader) - reader->lost;
		sinks->log.losses[reader->reason] += left;
		lines += left;
	}
	if (lines)
		hc_notice("slow readers of events lost %llu lines", lines);
}

unsigned int sinks_subscribers(const struct sinks *sinks)
{
	return sinks->subscribers;
}

__u64 sinks_unread(const struct sinks *sinks)
{
	return sinks->unread;
}

void sinks_take_losses(struct sinks *sinks, __u64 losses[])
{
	for (int reason = 0; reason < HC_LOSS_COUNT; reason++) {
		losses[reason] += sinks->log.losses[reason];
		sinks->log.losses[reason] = 0;
	}
	for (size_t i = 0; i < sinks->count; i++)
		if (sinks->items[i]->row->take_losses)
			sinks->items[i]->row->take_losses(sinks->items[i], losses);
}
