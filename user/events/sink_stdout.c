// SPDX-License-Identifier: GPL-2.0-only
/*
 * Standard output. A file is appended to. A reader is waited for if it is alone. Beside others
 * it is not: then stdout is opened once more and non-blocking, because a mode of the file that
 * it shares with others would be theirs, too.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/base/notify.h"
#include "user/events/append.h"
#include "user/events/sink.h"

struct stdout_sink {
	struct sink sink;
	struct line_reader reader;
	int own;              /* the same pipe or terminal, non-blocking; else -1 */
	struct append append; /* a regular file */
	bool is_file, is_socket;
	bool patient;
};

static struct stdout_sink *stdout_of(struct line_reader *reader)
{
	return (struct stdout_sink *)((char *)reader - offsetof(struct stdout_sink, reader));
}

/* We are to end: waits until the reader takes a piece, but not past the deadline. */
static bool is_ready(struct sinks *sinks)
{
	struct pollfd ready = {sinks->out, POLLOUT, 0};
	__u64 deadline = sinks_deadline(sinks), now = clock_monotonic_ns();
	int got = 0;

	while (got <= 0 && now < deadline) {
		got = poll(&ready, 1, (deadline - now) / NS_PER_MS + 1);
		now = clock_monotonic_ns();
	}
	return got > 0;
}

/* As many whole lines as a pipe that has room takes at once. */
static size_t small_piece(const char *at, size_t length)
{
	const char *end;

	if (length <= PIPE_BUF)
		return length;
	end = memrchr(at, '\n', PIPE_BUF);
	return end ? (size_t)(end + 1 - at) : PIPE_BUF;
}

/* Waits for a slow reader; when we are to end, no longer than our patience in all. */
static ssize_t write_patiently(struct sinks *sinks, const char *text, size_t length)
{
	struct pollfd ready = {sinks->out, POLLOUT, 0};
	ssize_t got;

	for (;;) {
		size_t piece = length;

		notify_alive();
		if (*sinks->hurry) {
			piece = small_piece(text, length);
			if (!is_ready(sinks))
				return -ETIMEDOUT;
		}
		got = write(sinks->out, text, piece);
		if (got > 0)
			return got;
		if (got < 0 && errno == EAGAIN)
			poll(&ready, 1, 1000);
		else if (got < 0 && errno != EINTR)
			return -errno;
	}
}

static ssize_t write_stdout(struct line_reader *reader, const char *text, size_t length)
{
	struct stdout_sink *out = stdout_of(reader);
	struct sinks *sinks = out->sink.sinks;
	ssize_t got;

	if (out->is_file)
		return append_write(&out->append, "standard output", text, length);
	if (out->patient)
		return write_patiently(sinks, text, length);
	do {
		if (out->is_socket)
			got = send(sinks->out, text, length, MSG_DONTWAIT | MSG_NOSIGNAL);
		else
			got = write(out->own >= 0 ? out->own : sinks->out, text, length);
	} while (got < 0 && errno == EINTR);
	return got > 0 ? got : got < 0 ? -errno : -EAGAIN;
}

static void fail_stdout(struct line_reader *reader, int error)
{
	struct sinks *sinks = stdout_of(reader)->sink.sinks;

	if (error == -ETIMEDOUT)
		sinks->unread = line_left(reader);
	sinks->out_error = error == -ETIMEDOUT ? -EPIPE : error;
	line_log_leave(reader);
	reader->log = NULL;
}

static struct sink *open_stdout(struct sinks *sinks, const struct sink_spec *spec,
				const struct sink_list *list)
{
	struct stdout_sink *out = calloc(1, sizeof(*out));
	struct stat file = {};
	int error = ENOMEM;

	(void)spec, (void)list;
	if (out)
		error = fstat(sinks->out, &file) ? errno : 0;
	if (!error && (fcntl(sinks->out, F_GETFL) & O_ACCMODE) == O_RDONLY)
		error = EBADF;
	if (!error && S_ISREG(file.st_mode))
		error = append_end_line(sinks->out);
	if (error) {
		hc_error_errno(error, "cannot write to standard output");
		free(out);
		return NULL;
	}
	out->own = -1;
	out->append.fd = sinks->out;
	out->is_file = S_ISREG(file.st_mode);
	out->is_socket = S_ISSOCK(file.st_mode);
	out->reader.write = write_stdout;
	out->reader.fail = fail_stdout;
	out->reader.reason = HC_LOSS_STDOUT_SLOW;
	out->reader.fd = out->is_file ? -1 : sinks->out;
	line_log_join(&sinks->log, &out->reader);
	return &out->sink;
}

static void commit_stdout(struct sink *sink, bool alone)
{
	struct stdout_sink *out = (struct stdout_sink *)sink;
	struct stat file;
	char path[64];

	out->patient = alone;
	if (alone || out->own >= 0 || fstat(sink->sinks->out, &file) ||
	    !(S_ISFIFO(file.st_mode) || S_ISCHR(file.st_mode)))
		return;
	/* Where this is not allowed, one who is slow to read it is waited for. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", sink->sinks->out);
	out->own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	/* Another user's, which root without capabilities may not open: it is waited for. */
	out->patient = out->own < 0;
}

static void free_stdout(struct sink *sink)
{
	struct stdout_sink *out = (struct stdout_sink *)sink;

	if (out->reader.log) {
		line_flush(&out->reader);
		line_log_leave(&out->reader);
	}
	if (out->own >= 0)
		close(out->own);
	free(out);
}

const struct sink_kind_row sink_stdout = {
	.open = open_stdout,
	.commit = commit_stdout,
	.free = free_stdout,
};
