/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HEADCOUNT_JOURNAL_STREAM_H
#define HEADCOUNT_JOURNAL_STREAM_H

#include <stdbool.h>

/* Is the open file what systemd has connected to the journal for us (systemd.exec(5),
 * JOURNAL_STREAM)? A child's may be another one. */
bool journal_stream_is(int fd);

#endif
