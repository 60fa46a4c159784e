/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside the printers: room for a line is reserved once and then filled
 * without further checks, so every line has a bound that is known before. A
 * put_ function appends at `p` and returns where the next one goes on.
 *
 * The printers run in one thread; what they remember is static.
 */
#ifndef HEADCOUNT_PRINT_BUFFER_H
#define HEADCOUNT_PRINT_BUFFER_H

#include <string.h>
#include "print.h"

#define NS_PER_SECOND 1000000000ull

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

#define PUT(p, literal) ((char *)mempcpy(p, literal, sizeof(literal) - 1))

char *put_number(char *p, __u64 value); /* at most 20 bytes */

/* RFC 3339, UTC, with nanoseconds: 30 bytes. */
char *put_time(char *p, __u64 realtime_ns);

/* As inet_ntop writes it, IPv4-mapped as IPv4: at most 46 bytes. */
char *put_address(char *p, const __u8 address[16]);

#endif
