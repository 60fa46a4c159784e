// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/events/append.h"

#define RETRY_NS (500 * NS_PER_MS)

/* The file had `taken` bytes of the text appended: takes back what is no whole line. Returns
 * how many stay. */
static ssize_t keep_lines(int fd, const char *text, size_t taken)
{
	const char *end = memrchr(text, '\n', taken);
	size_t whole = end ? end + 1 - text : 0;
	struct stat file;

	/* Should this fail, the line is finished in its place. So it is if whoever opened the
	 * file wants us to write at an offset of his. */
	if (whole == taken || !(fcntl(fd, F_GETFL) & O_APPEND) || fstat(fd, &file) ||
	    ftruncate(fd, file.st_size - (taken - whole)))
		return taken;
	return whole;
}

/* After a failure: is it time to try again? On a full disk a few bytes may still fit, which
 * would be told as the end of it. */
static bool is_worth_trying(const struct append *append, size_t length, __u64 now)
{
	struct statvfs disk;

	return now >= append->retry_ns &&
	       (fstatvfs(append->fd, &disk) || disk.f_bfree * disk.f_frsize >= length);
}

ssize_t append_write(struct append *append, const char *name, const char *text, size_t length)
{
	__u64 now = 0;
	ssize_t got;

	if (append->failed) {
		now = clock_monotonic_ns();
		if (!is_worth_trying(append, length, now))
			return -EAGAIN;
	}
	do
		got = write(append->fd, text, length);
	while (got < 0 && errno == EINTR);
	if (got > 0 && (size_t)got < length)
		got = keep_lines(append->fd, text, got);
	if (got > 0) {
		if (append->failed)
			hc_notice("writing events to %s again", name);
		append->failed = false;
		return got;
	}
	if (!append->failed)
		hc_error_errno(got ? errno : ENOSPC, "cannot write events to %s (retrying)",
			       name);
	append->failed = true;
	append->retry_ns = (now ?: clock_monotonic_ns()) + RETRY_NS;
	return -EAGAIN;
}

int append_end_line(int fd)
{
	char path[64], last = '\n';
	struct stat file;
	int error = 0, in;

	if (!(fcntl(fd, F_GETFL) & O_APPEND))
		return 0; /* its end may not be where we write */
	/* The shell's >> opens it for writing only. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	in = open(path, O_RDONLY | O_CLOEXEC);
	if (in < 0)
		return 0;
	if (!fstat(in, &file) && file.st_size && pread(in, &last, 1, file.st_size - 1) < 0)
		last = '\n'; /* not known */
	if (last != '\n' && write(fd, "\n", 1) != 1)
		error = -errno;
	close(in);
	return error;
}
