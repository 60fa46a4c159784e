// SPDX-License-Identifier: GPL-2.0-only
#include <stdbool.h>
#include <string.h>
#include <linux/types.h>

#include "user/base/escape.h"

#define BAD_BYTE 0xffffffffu /* instead of a code point: no UTF-8 starts here */

static const char hex[] = "0123456789abcdef";

/* Most text is this, and needs no further look. */
static bool is_plain(unsigned char byte)
{
	return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

/*
 * The character at `in`, of which `length` > 0 bytes can be read: returns how
 * many bytes it takes. What is not UTF-8 (stray and missing continuation
 * bytes, overlong forms, surrogates, beyond U+10FFFF) is BAD_BYTE, one byte.
 */
static size_t next_character(const char *in, size_t length, __u32 *point)
{
	static const __u32 least[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned char lead = *in;
	size_t bytes, i;
	__u32 value;

	*point = lead;
	if (lead < 0x80)
		return 1;

	*point = BAD_BYTE;
	if (lead < 0xc2 || lead > 0xf4)
		return 1;
	bytes = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
	if (bytes > length)
		return 1;

	value = lead & (0x7f >> bytes);
	for (i = 1; i < bytes; i++) {
		if ((in[i] & 0xc0) != 0x80)
			return 1;
		value = value << 6 | (in[i] & 0x3f);
	}
	if (value < least[bytes] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
		return 1;

	*point = value;
	return bytes;
}

/* Characters that end a line or steer a terminal. */
static bool is_control(__u32 point)
{
	return point < 0x20 || (point >= 0x7f && point <= 0x9f) || point == 0x2028 ||
	       point == 0x2029;
}

/* Characters that make a terminal show the text around them in another order. */
static bool is_bidi(__u32 point)
{
	return point == 0x061c || point == 0x200e || point == 0x200f ||
	       (point >= 0x202a && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
}

size_t escape_plain(const char *text)
{
	size_t length = 0;

	while (is_plain(text[length]))
		length++;
	return length;
}

#define ESCAPED_MAX 20 /* bytes that a character becomes at most */

/* Writes one character that is not plain; returns how many bytes it became. */
typedef size_t escape_character(char out[ESCAPED_MAX], const char *in, size_t bytes,
				__u32 point);

static inline __attribute__((always_inline)) size_t
escape_with(escape_character *character, char *out, size_t size, const char *in, size_t length)
{
	size_t at = 0, bytes, need;
	char escaped[ESCAPED_MAX];
	__u32 point;

	if (!size)
		return 0;
	for (; length; in += bytes, length -= bytes) {
		if (is_plain(*in)) {
			bytes = 1;
			if (size - at <= 1)
				break;
			out[at++] = *in;
			continue;
		}
		bytes = next_character(in, length, &point);
		need = character(escaped, in, bytes, point);
		if (need >= size - at)
			break;
		memcpy(out + at, escaped, need);
		at += need;
	}
	out[at] = '\0';
	return at;
}

/* Each byte as \xNN, after the backslashes of `start`. */
static size_t put_bytes(char *out, const char *start, const char *in, size_t bytes)
{
	size_t at = 0;

	for (size_t i = 0; i < bytes; i++) {
		at = stpcpy(out + at, start) - out;
		out[at++] = hex[(unsigned char)in[i] >> 4];
		out[at++] = hex[in[i] & 15];
	}
	return at;
}

static size_t text_character(char out[ESCAPED_MAX], const char *in, size_t bytes, __u32 point)
{
	if (point == BAD_BYTE || point == '\\' || is_control(point) || is_bidi(point))
		return put_bytes(out, "\\x", in, bytes);
	memcpy(out, in, bytes);
	return bytes;
}

size_t escape_text(char *out, size_t size, const char *in, size_t length)
{
	return escape_with(text_character, out, size, in, length);
}

static size_t label_character(char out[ESCAPED_MAX], const char *in, size_t bytes, __u32 point)
{
	if (point == '"' || point == '\\' || point == '\n') {
		out[0] = '\\';
		out[1] = point == '\n' ? 'n' : point;
		return 2;
	}
	if (point == BAD_BYTE || is_control(point) || is_bidi(point))
		return put_bytes(out, "\\\\x", in, bytes);
	memcpy(out, in, bytes);
	return bytes;
}

size_t escape_label(char *out, size_t size, const char *in, size_t length)
{
	return escape_with(label_character, out, size, in, length);
}

static size_t json_character(char out[ESCAPED_MAX], const char *in, size_t bytes, __u32 point)
{
	if (point == BAD_BYTE) {
		memcpy(out, "\xef\xbf\xbd", 3); /* U+FFFD */
		return 3;
	}
	if (is_control(point) || point == '"' || point == '\\') {
		out[0] = '\\';
		out[1] = 'u';
		out[2] = hex[point >> 12 & 15];
		out[3] = hex[point >> 8 & 15];
		out[4] = hex[point >> 4 & 15];
		out[5] = hex[point & 15];
		return 6;
	}
	memcpy(out, in, bytes);
	return bytes;
}

size_t escape_json(char *out, size_t size, const char *in, size_t length)
{
	return escape_with(json_character, out, size, in, length);
}
