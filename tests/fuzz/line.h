/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every line must be, whatever came from the kernel: one line, UTF-8, no character that
 * steers a terminal; and a line of JSON exactly one object. Aborts where that is not so.
 */
#ifndef HEADCOUNT_FUZZ_LINE_H
#define HEADCOUNT_FUZZ_LINE_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 4 /* of our JSON */

struct line {
	const char *text, *at, *end; /* `end` is the newline */
};

static _Noreturn void bad_line(const struct line *line, const char *why)
{
	fprintf(stderr, "%s at byte %td of: ", why, line->at - line->text);
	fwrite(line->text, 1, line->end - line->text, stderr);
	fputc('\n', stderr);
	abort();
}

static void expect(const struct line *line, bool is_so, const char *why)
{
	if (!is_so)
		bad_line(line, why);
}

/* One UTF-8 character, which is returned. Written apart from user/base/escape.c on purpose: by
 * the table of the Unicode standard (3-7). */
static unsigned int line_character(struct line *line)
{
	unsigned char lead = *line->at, low = 0x80, high = 0xbf;
	unsigned int more, point;

	expect(line, lead < 0x80 || (lead >= 0xc2 && lead <= 0xf4), "no UTF-8");
	more = lead < 0x80 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
	expect(line, line->end - line->at > (ptrdiff_t)more, "cut UTF-8");
	point = more ? lead & (0x3f >> more) : lead;
	low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : low;
	high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : high;
	for (line->at++; more; more--, low = 0x80, high = 0xbf) {
		unsigned char next = *line->at++;

		expect(line, next >= low && next <= high, "no UTF-8");
		point = point << 6 | (next & 0x3f);
	}
	return point;
}

/* Neither C0, DEL nor C1, nor what turns the text around it. */
static void check_printable(struct line line)
{
	while (line.at < line.end) {
		unsigned int c = line_character(&line);

		expect(&line, c >= 0x20 && (c < 0x7f || c > 0x9f), "a control character");
		expect(&line, c != 0x2028 && c != 0x2029, "a line separator");
	}
}

static bool take(struct line *line, char c)
{
	if (line->at == line->end || *line->at != c)
		return false;
	line->at++;
	return true;
}

static void json_string(struct line *line)
{
	expect(line, take(line, '"'), "no string");
	while (!take(line, '"')) {
		expect(line, line->at < line->end, "a string without an end");
		if (*line->at++ != '\\')
			continue;
		if (take(line, 'u')) {
			expect(line, strspn(line->at, "0123456789abcdef") >= 4, "a bad \\u");
			line->at += 4;
		} else {
			expect(line, *line->at && strchr("\"\\/bfnrt", *line->at),
			       "a bad escape");
			line->at++;
		}
	}
}

static void json_number(struct line *line)
{
	size_t digits = strspn(line->at, "0123456789");

	expect(line, digits, "no value");
	expect(line, digits == 1 || *line->at != '0', "a number with a leading zero");
	line->at += digits;
}

static bool json_word(struct line *line, const char *word)
{
	size_t length = strlen(word);

	if ((size_t)(line->end - line->at) < length || memcmp(line->at, word, length))
		return false;
	line->at += length;
	return true;
}

static void json_value(struct line *line, int depth)
{
	bool object = take(line, '{');

	expect(line, depth < DEPTH_MAX, "too deep");
	if (object || take(line, '[')) {
		do {
			if (object) {
				json_string(line);
				expect(line, take(line, ':'), "no colon");
			}
			json_value(line, depth + 1);
		} while (take(line, ','));
		expect(line, take(line, object ? '}' : ']'), "no end of an object or array");
	} else if (line->at < line->end && *line->at == '"') {
		json_string(line);
	} else if (!json_word(line, "null") && !json_word(line, "true") &&
		   !json_word(line, "false")) {
		json_number(line);
	}
}

/* `text` is `length` bytes and a NUL. */
static void check_line(const char *text, size_t length, bool json)
{
	struct line line = {text, text, text + length - 1};

	if (!length || memchr(text, '\n', length) != line.end) {
		fprintf(stderr, "not one line: %s\n", length ? text : "nothing");
		abort();
	}
	check_printable(line);
	if (!json)
		return;
	expect(&line, length > 1 && *text == '{', "no object");
	json_value(&line, 0);
	expect(&line, line.at == line.end, "text after the object");
}

#endif
