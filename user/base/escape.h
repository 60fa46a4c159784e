/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bytes that an outsider chose, made safe to print. Each writes at most `size`
 * bytes with the NUL, never splits an escape, and returns the length written.
 */
#ifndef HEADCOUNT_ESCAPE_H
#define HEADCOUNT_ESCAPE_H

#include <stddef.h>

/* For a terminal: control bytes (C0, DEL, C1 also as UTF-8), backslash and
 * bytes that are not valid UTF-8 become \xNN; also U+2028/9 and the
 * bidirectional controls. The rest, valid UTF-8, passes. */
size_t escape_text(char *out, size_t size, const char *in, size_t length);

/* The inside of a JSON string (no quotes around it): valid UTF-8 always, bytes
 * that are not become U+FFFD; control characters, quote, backslash, DEL, C1
 * and U+2028/9 are \uNNNN. */
size_t escape_json(char *out, size_t size, const char *in, size_t length);

/* The value of a label of Prometheus' text formats (no quotes around it): valid UTF-8
 * always; backslash, quote and newline after a backslash. What is not UTF-8, and what
 * would steer a terminal, is told as text: \\xNN. */
size_t escape_label(char *out, size_t size, const char *in, size_t length);

/* How many bytes of the text, up to the first that any of them would look at. */
size_t escape_plain(const char *text);

#endif
