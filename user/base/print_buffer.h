/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A growing buffer of whole lines, for printers: room for a line is reserved once and then
 * filled without further checks, so every line has a bound that is known before.
 */
#ifndef HEADCOUNT_PRINT_BUFFER_H
#define HEADCOUNT_PRINT_BUFFER_H

#include <stddef.h>

#include "user/base/put.h"

struct print_buffer {
	char *data;
	size_t length;
	size_t room;
};
void print_buffer_free(struct print_buffer *buffer);

/* Where to write a line of at most `bytes` bytes, or NULL if memory is short;
 * the buffer is unchanged then. */
char *print_reserve(struct print_buffer *out, size_t bytes);

/* The line ends at `end`: it belongs to the buffer from now on. */
static inline void print_commit(struct print_buffer *out, const char *end)
{
	out->length = end - out->data;
}

#endif
