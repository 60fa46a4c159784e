/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside the printers: room for a line is reserved once and then filled
 * without further checks, so every line has a bound that is known before.
 */
#ifndef HEADCOUNT_PRINT_BUFFER_H
#define HEADCOUNT_PRINT_BUFFER_H

#include "print.h"
#include "put.h"

/* Where to write a line of at most `bytes` bytes, or NULL if memory is short;
 * the buffer is unchanged then. */
char *print_reserve(struct print_buffer *out, size_t bytes);

/* The line ends at `end`: it belongs to the buffer from now on. */
static inline void print_commit(struct print_buffer *out, const char *end)
{
	out->length = end - out->data;
}

/* CLOCK_MONOTONIC to nanoseconds since 1970. */
static inline __u64 print_realtime(const struct print_context *context, __u64 time_ns)
{
	return time_ns + context->realtime_offset_ns;
}

#endif
