// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/clock.h"
#include "user/events/line_log.h"
#include "user/events/print.h"
#include "user/kernel/losses.h"

#define GIVE_BACK (8 << 20) /* so much memory goes back to the kernel once nobody lags */

struct line_chunk {
	struct line_chunk *next;
	struct print_buffer text;
	unsigned int readers; /* that are somewhere in it */
	__u64 last;           /* sequence of its last line */
};

static __u64 line_count(const char *text, size_t length)
{
	const char *end = text + length;
	__u64 lines = 0;

	for (; text < end && (text = memchr(text, '\n', end - text)); text++)
		lines++;
	return lines;
}

static void move_reader(struct line_reader *reader, struct line_chunk *chunk, size_t offset)
{
	if (reader->chunk)
		reader->chunk->readers--;
	if (chunk)
		chunk->readers++;
	reader->chunk = chunk;
	reader->offset = offset;
}

void line_log_join(struct line_log *log, struct line_reader *reader)
{
	reader->log = log;
	reader->next = log->readers;
	log->readers = reader;
}

void line_log_leave(struct line_reader *reader)
{
	struct line_reader **at = &reader->log->readers;

	while (*at != reader)
		at = &(*at)->next;
	*at = reader->next;
	move_reader(reader, NULL, 0);
	print_buffer_free(&reader->own);
}

static void drop_first(struct line_log *log)
{
	struct line_chunk *chunk = log->first;

	log->first = chunk->next;
	if (!log->first)
		log->last = NULL;
	log->bytes -= chunk->text.length;
	if (log->spare.data) {
		print_buffer_free(&chunk->text);
	} else {
		log->spare = chunk->text;
		log->spare.length = 0;
	}
	free(chunk);
}

void line_log_trim(struct line_log *log)
{
	while (log->first && !log->first->readers)
		drop_first(log);
	if (log->first || log->most < GIVE_BACK)
		return;
	malloc_trim(0);
	log->most = 0;
}

void line_log_free(struct line_log *log)
{
	while (log->first)
		drop_first(log);
	print_buffer_free(&log->spare);
}

/* The reader's chunk goes: it keeps the rest of a line that it has begun, and loses the others.
 */
static void overtake(struct line_reader *reader)
{
	struct line_chunk *chunk = reader->chunk;
	const char *at = chunk->text.data + reader->offset;
	size_t length = chunk->text.length - reader->offset, rest = 0;
	__u64 lost;
	char *p;

	if (reader->offset && at[-1] != '\n') {
		rest = (const char *)memchr(at, '\n', length) + 1 - at;
		p = print_reserve(&reader->own, rest);
		/* Without memory the line stays cut, which is one more that is lost. */
		if (p)
			print_commit(&reader->own, (char *)mempcpy(p, at, rest));
		else
			rest = 0;
	}
	lost = line_count(at + rest, length - rest);
	reader->lost += lost;
	if (lost)
		reader->lost_last = chunk->last;
	reader->log->losses[reader->reason] += lost;
	move_reader(reader, chunk->next, 0);
}

static void make_room(struct line_log *log)
{
	while (log->bytes > log->limit && log->first != log->last) {
		for (struct line_reader *reader = log->readers; reader; reader = reader->next)
			if (reader->chunk == log->first)
				overtake(reader);
		drop_first(log);
	}
}

/* A chunk of its own, or the end of the last one where that has room: many small ones would
 * take much more memory than their lines. */
static size_t place_lines(struct line_log *log, struct print_buffer *lines)
{
	struct line_chunk *chunk = log->last;
	size_t offset;

	if (chunk && chunk->text.room - chunk->text.length >= lines->length) {
		offset = chunk->text.length;
		memcpy(chunk->text.data + offset, lines->data, lines->length);
		chunk->text.length += lines->length;
		lines->length = 0;
		return offset;
	}
	chunk = calloc(1, sizeof(*chunk));
	if (!chunk)
		return -1;
	chunk->text = *lines;
	*lines = log->spare;
	log->spare = (struct print_buffer){0};
	if (log->last)
		log->last->next = chunk;
	else
		log->first = chunk;
	log->last = chunk;
	return 0;
}

int line_log_append(struct line_log *log, struct print_buffer *lines, __u64 last)
{
	size_t length = lines->length, offset;

	if (!length || !log->readers) {
		lines->length = 0;
		return 0;
	}
	offset = place_lines(log, lines);
	if (offset == (size_t)-1)
		return -ENOMEM;
	log->last->last = last;
	log->bytes += length;
	log->most = log->bytes > log->most ? log->bytes : log->most;
	for (struct line_reader *reader = log->readers; reader; reader = reader->next)
		if (!reader->chunk)
			move_reader(reader, log->last, offset);
	make_room(log);
	return 0;
}

/* What is the reader's own: once a part of it is sent, it is sent to its end. */
static int write_own(struct line_reader *reader)
{
	ssize_t got = reader->write(reader, reader->own.data + reader->own_sent,
				    reader->own.length - reader->own_sent);

	if (got < 0)
		return got;
	reader->own_sent += got;
	if (reader->own_sent == reader->own.length)
		reader->own.length = reader->own_sent = 0;
	return 0;
}

/* The line that tells what was lost; it has the number of the last that it stands for. */
static int write_lost(struct line_reader *reader)
{
	struct print_context context = {.sequence = reader->lost_last - 1,
					.origin = reader->log->origin};
	int error;

	print_json_lost(&reader->own, &context, clock_realtime_ns(),
			loss_rows[reader->reason].word, reader->lost);
	if (!reader->own.length)
		return -EAGAIN; /* no memory now */
	error = write_own(reader);
	if (error)
		reader->own.length = 0; /* more may be lost until there is room */
	else
		reader->lost = 0;
	return error;
}

static int write_chunk(struct line_reader *reader)
{
	struct line_chunk *chunk = reader->chunk;
	ssize_t got = reader->write(reader, chunk->text.data + reader->offset,
				    chunk->text.length - reader->offset);

	if (got < 0)
		return got;
	reader->offset += got;
	if (reader->offset == chunk->text.length)
		move_reader(reader, chunk->next, 0);
	return 0;
}

int line_flush(struct line_reader *reader)
{
	int error = 0;

	while (!error && line_lags(reader)) {
		if (reader->own.length)
			error = write_own(reader);
		else if (reader->lost)
			error = write_lost(reader);
		else
			error = write_chunk(reader);
	}
	return error;
}

bool line_lags(const struct line_reader *reader)
{
	return reader->own.length || reader->lost || reader->chunk;
}

__u64 line_left(const struct line_reader *reader)
{
	const struct line_chunk *chunk = reader->chunk;
	size_t offset = reader->offset;
	__u64 lines = reader->lost;

	if (reader->own.length)
		lines += line_count(reader->own.data + reader->own_sent,
				    reader->own.length - reader->own_sent);
	for (; chunk; chunk = chunk->next, offset = 0)
		lines += line_count(chunk->text.data + offset, chunk->text.length - offset);
	return lines;
}
