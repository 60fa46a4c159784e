/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lines, kept until every reader has them: each is kept once, however many readers lag behind,
 * and a reader is a place in them. What all readers have is freed, so that nothing is kept
 * while all keep up. Beyond `limit` bytes the oldest lines go: a reader that has not read them
 * is moved to the next, and finds at this place of its stream a line that says how many it
 * lost. A line that it has begun is finished first.
 */
#ifndef HEADCOUNT_LINE_LOG_H
#define HEADCOUNT_LINE_LOG_H

#include <sys/types.h>
#include "loss.h"
#include "user/events/print.h"

struct line_chunk;

struct line_log {
	struct line_chunk *first, *last;
	struct line_reader *readers;
	struct print_buffer spare;
	size_t limit;                /* bytes of lines; set by the owner */
	const struct origin *origin; /* of the lines; by the owner, or NULL */
	size_t bytes;
	size_t most;                 /* of them, since there were none */
	__u64 losses[HC_LOSS_COUNT]; /* lines that readers lost; the owner takes them out */
};

struct line_reader {
	struct line_reader *next;
	struct line_log *log;
	/* Writes some of the text: how much it took, or -EAGAIN or another negative errno. */
	ssize_t (*write)(struct line_reader *reader, const char *text, size_t length);
	/* Another errno than EAGAIN came: the reader is to leave the log. */
	void (*fail)(struct line_reader *reader, int error);
	enum hc_loss reason;      /* for its losses */
	int fd;                   /* to be polled while it lags, or -1 */
	struct line_chunk *chunk; /* where it is; NULL: it has all */
	size_t offset;
	struct print_buffer own; /* for it alone: the rest of a line, or what it lost */
	size_t own_sent;
	__u64 lost;
	__u64 lost_last; /* sequence of the last of them */
};

/* A reader of what comes from now on. */
void line_log_join(struct line_log *log, struct line_reader *reader);
void line_log_leave(struct line_reader *reader);

/* Takes whole lines over, the last of which is number `last`. `lines` is another buffer
 * afterwards, or as it was if there is no memory. Returns 0 or -ENOMEM. */
int line_log_append(struct line_log *log, struct print_buffer *lines, __u64 last);

/* Frees what all have. */
void line_log_trim(struct line_log *log);

void line_log_free(struct line_log *log);

/* Writes what the reader takes now: 0 if it has all, or a negative errno. */
int line_flush(struct line_reader *reader);

bool line_lags(const struct line_reader *reader);

/* Lines that it has not got. */
__u64 line_left(const struct line_reader *reader);

#endif
