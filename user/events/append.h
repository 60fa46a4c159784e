/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lines at the end of a file. Each is in it as a whole or not at all: what a full disk
 * cut short is taken back, and written again when there is room.
 */
#ifndef HEADCOUNT_APPEND_H
#define HEADCOUNT_APPEND_H

#include <stdbool.h>
#include <sys/types.h>

#include <linux/types.h>

struct append {
	int fd;         /* the caller's */
	__u64 retry_ns; /* after a failure: when to try again */
	bool failed;
};

/* How many bytes of the text were taken, or -EAGAIN: none now, whatever the reason. That is
 * said once, with the file's `name`, and again when it works. */
ssize_t append_write(struct append *append, const char *name, const char *text, size_t length);

/* Lines begin at the beginning of a line, whoever was killed while it wrote the last one.
 * Returns 0 or a negative errno, and prints nothing. */
int append_end_line(int fd);

#endif
