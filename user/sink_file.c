// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file, appended to. A line is in it as a whole or not at all: what a full disk cut short is
 * taken back, and written again when there is room.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "log.h"
#include "sink.h"

#define RETRY_NS 500000000ull

struct file_sink {
	struct sink sink;
	struct line_reader reader;
	int fd, next_fd; /* next_fd: opened for a reload */
	__u64 retry_ns;  /* after a failure: when to try again */
	bool failed;
};

static struct file_sink *of(struct line_reader *reader)
{
	return (struct file_sink *)((char *)reader - offsetof(struct file_sink, reader));
}

/* The file had `taken` bytes of the text appended: takes back what is no whole line. Returns
 * how many stay. */
static ssize_t keep_lines(int fd, const char *text, size_t taken)
{
	const char *end = memrchr(text, '\n', taken);
	size_t whole = end ? end + 1 - text : 0;
	struct stat file;

	/* Should this fail, the line is finished in its place. */
	if (whole == taken || fstat(fd, &file) || ftruncate(fd, file.st_size - (taken - whole)))
		return taken;
	return whole;
}

/* After a failure: is it time to try again? On a full disk a few bytes may still fit, which
 * would be told as the end of it. */
static bool is_worth_trying(const struct file_sink *file, size_t length, __u64 now)
{
	struct statvfs disk;

	return now >= file->retry_ns &&
	       (fstatvfs(file->fd, &disk) || disk.f_bfree * disk.f_frsize >= length);
}

static ssize_t write_some(struct line_reader *reader, const char *text, size_t length)
{
	struct file_sink *file = of(reader);
	__u64 now = 0;
	ssize_t got;

	if (file->failed) {
		now = sink_now_ns();
		if (!is_worth_trying(file, length, now))
			return -EAGAIN;
	}
	do
		got = write(file->fd, text, length);
	while (got < 0 && errno == EINTR);
	if (got > 0 && (size_t)got < length)
		got = keep_lines(file->fd, text, got);
	if (got > 0) {
		if (file->failed)
			hc_notice("events are written to %s again", file->sink.spec.path);
		file->failed = false;
		return got;
	}
	if (!file->failed)
		hc_error_errno(got ? errno : ENOSPC, "cannot write events to %s now",
			       file->sink.spec.path);
	file->failed = true;
	file->retry_ns = (now ?: sink_now_ns()) + RETRY_NS;
	return -EAGAIN;
}

/* Lines begin at the beginning of a line, whoever was killed while it wrote the last one. */
static int end_line(int fd, const struct stat *file)
{
	char last;

	if (file->st_size && pread(fd, &last, 1, file->st_size - 1) == 1 && last != '\n' &&
	    write(fd, "\n", 1) != 1)
		return -errno;
	return 0;
}

static int open_path(const char *path)
{
	int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_NOCTTY | O_NONBLOCK | O_CLOEXEC,
		      0640);
	struct stat file;
	int error;

	if (fd < 0 || fstat(fd, &file))
		error = hc_error_errno(errno, "cannot write events to %s", path);
	else if (!S_ISREG(file.st_mode))
		error = hc_error("cannot write events to %s: not a regular file", path);
	else if ((error = end_line(fd, &file)))
		hc_error_errno(error, "cannot write events to %s", path);
	else
		return fd;
	if (fd >= 0)
		close(fd);
	return error;
}

static struct sink *open_file(struct sinks *sinks, const struct sink_spec *spec,
			      const struct sink_list *list)
{
	struct file_sink *file = calloc(1, sizeof(*file));

	(void)list;
	if (!file) {
		hc_error_errno(ENOMEM, "cannot write events to %s", spec->path);
		return NULL;
	}
	file->fd = open_path(spec->path);
	file->next_fd = -1;
	if (file->fd < 0) {
		free(file);
		return NULL;
	}
	file->reader.write = write_some;
	file->reader.reason = HC_LOSS_FILE_WRITE;
	file->reader.fd = -1;
	line_log_join(&sinks->log, &file->reader);
	return &file->sink;
}

/* Whoever rotates logs has renamed the file, and wants the name to be another one. */
static int prepare(struct sink *sink, const struct sink_list *list)
{
	struct file_sink *file = (struct file_sink *)sink;

	(void)list;
	file->next_fd = open_path(sink->spec.path);
	return file->next_fd < 0 ? file->next_fd : 0;
}

static void commit(struct sink *sink, bool alone)
{
	struct file_sink *file = (struct file_sink *)sink;

	(void)alone;
	if (file->next_fd < 0)
		return;
	close(file->fd);
	file->fd = file->next_fd;
	file->next_fd = -1;
	file->retry_ns = 0;
}

static void abandon(struct sink *sink)
{
	struct file_sink *file = (struct file_sink *)sink;

	if (file->next_fd >= 0)
		close(file->next_fd);
	file->next_fd = -1;
}

static void free_file(struct sink *sink)
{
	struct file_sink *file = (struct file_sink *)sink;

	line_flush(&file->reader);
	sink->sinks->log.losses[HC_LOSS_FILE_WRITE] +=
		line_left(&file->reader) - file->reader.lost;
	line_log_leave(&file->reader);
	close(file->fd);
	free(file);
}

const struct sink_kind_row sink_file = {
	.open = open_file,
	.prepare = prepare,
	.commit = commit,
	.abandon = abandon,
	.free = free_file,
};
