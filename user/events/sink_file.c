// SPDX-License-Identifier: GPL-2.0-only
/* A file, appended to. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/log.h"
#include "user/base/privileges.h"
#include "user/events/append.h"
#include "user/events/sink.h"

struct file_sink {
	struct sink sink;
	struct line_reader reader;
	struct append append;
	int next_fd; /* opened for a reload */
};

static struct file_sink *file_of(struct line_reader *reader)
{
	return (struct file_sink *)((char *)reader - offsetof(struct file_sink, reader));
}

static ssize_t write_file(struct line_reader *reader, const char *text, size_t length)
{
	struct file_sink *file = file_of(reader);

	return append_write(&file->append, file->sink.spec.path, text, length);
}

static int open_path(const char *path)
{
	int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_NOCTTY | O_NONBLOCK | O_CLOEXEC,
		      0640);
	struct stat file;
	int error;

	if (fd < 0 || fstat(fd, &file))
		error = hc_error_errno(errno, "cannot write events to %s%s", path,
				       privileges_hint(errno));
	else if (!S_ISREG(file.st_mode))
		error = hc_error("cannot write events to %s: not a regular file", path);
	else if ((error = append_end_line(fd)))
		hc_error_errno(error, "cannot write events to %s", path);
	else {
		hc_step("opened %s for events", path);
		return fd;
	}
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
	file->append.fd = open_path(spec->path);
	file->next_fd = -1;
	if (file->append.fd < 0) {
		free(file);
		return NULL;
	}
	file->reader.write = write_file;
	file->reader.reason = HC_LOSS_FILE_WRITE;
	file->reader.fd = -1;
	line_log_join(&sinks->log, &file->reader);
	return &file->sink;
}

/* Whoever rotates logs has renamed the file, and wants the name to be another one. */
static int prepare_file(struct sink *sink, const struct sink_list *list)
{
	struct file_sink *file = (struct file_sink *)sink;

	(void)list;
	file->next_fd = open_path(sink->spec.path);
	return file->next_fd < 0 ? file->next_fd : 0;
}

static void commit_file(struct sink *sink, bool alone)
{
	struct file_sink *file = (struct file_sink *)sink;

	(void)alone;
	if (file->next_fd < 0)
		return;
	close(file->append.fd);
	file->append.fd = file->next_fd;
	file->next_fd = -1;
	file->append.retry_ns = 0;
}

static void abandon_file(struct sink *sink)
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
	close(file->append.fd);
	free(file);
}

const struct sink_kind_row sink_file = {
	.open = open_file,
	.prepare = prepare_file,
	.commit = commit_file,
	.abandon = abandon_file,
	.free = free_file,
};
