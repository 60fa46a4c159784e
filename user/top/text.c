// SPDX-License-Identifier: GPL-2.0-only
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "user/base/escape.h"
#include "policy.h"
#include "user/base/user_name.h"
#include "user/top/text.h"

#define CUT L'~'

/* Appends a byte as \xNN. */
static size_t add_byte(wchar_t *out, unsigned char byte)
{
	static const wchar_t hex[] = L"0123456789abcdef";

	out[0] = L'\\';
	out[1] = L'x';
	out[2] = hex[byte >> 4];
	out[3] = hex[byte & 15];
	return 4;
}

/* The text as characters that each take one or two columns. Returns how many. */
static size_t to_wide(wchar_t *out, const char *text)
{
	mbstate_t state = {};
	size_t count = 0;
	wchar_t wide;

	while (*text) {
		size_t bytes = mbrtowc(&wide, text, strlen(text), &state);

		if (bytes > MB_LEN_MAX || wcwidth(wide) <= 0) {
			if (bytes > MB_LEN_MAX) {
				memset(&state, 0, sizeof(state));
				bytes = 1;
			}
			while (bytes--)
				count += add_byte(out + count, *text++);
			continue;
		}
		out[count++] = wide;
		text += bytes;
	}
	return count;
}

static int width_of(const wchar_t *text, size_t count)
{
	int width = 0;

	while (count--)
		width += wcwidth(*text++);
	return width;
}

/* How many characters, from the left or from the right, fit into `columns`. */
static size_t that_fit(const wchar_t *text, size_t count, int columns, bool from_right)
{
	size_t fit = 0;

	while (fit < count) {
		columns -= wcwidth(from_right ? text[count - 1 - fit] : text[fit]);
		if (columns < 0)
			break;
		fit++;
	}
	return fit;
}

/* Cuts to `columns`, in place. Returns how many characters are left. */
static size_t cut_wide(wchar_t *text, size_t count, int columns, enum top_fit how)
{
	int tail = how == TOP_MIDDLE && columns >= 8 ? columns / 2 : 0;
	size_t right = that_fit(text, count, tail, true);
	size_t left = that_fit(text, count, columns - 1 - tail, false);

	text[left] = CUT;
	memmove(text + left + 1, text + count - right, right * sizeof(*text));
	return left + 1 + right;
}

/* `wide` holds TOP_CHARACTERS: a byte becomes \xNN once, here or there. */
#define TOP_CHARACTERS (4 * HC_USER_TEXT)
static size_t make_safe(wchar_t *wide, const char *text)
{
	char safe[TOP_CHARACTERS];

	escape_text(safe, sizeof(safe), text, strnlen(text, HC_USER_TEXT - 1));
	return to_wide(wide, safe);
}

int top_columns(const char *text)
{
	wchar_t wide[TOP_CHARACTERS];

	return width_of(wide, make_safe(wide, text));
}

void top_fit(wchar_t *out, const char *text, int columns, enum top_fit how)
{
	wchar_t wide[TOP_CHARACTERS];
	size_t count, blanks;

	*out = L'\0';
	if (columns <= 0)
		return;
	count = make_safe(wide, text);
	if (width_of(wide, count) > columns)
		count = cut_wide(wide, count, columns, how);
	blanks = columns - width_of(wide, count);
	if (how == TOP_RIGHT)
		out = wmemset(out, L' ', blanks) + blanks;
	out = wmemcpy(out, wide, count) + count;
	if (how != TOP_RIGHT)
		out = wmemset(out, L' ', blanks) + blanks;
	*out = L'\0';
}

char *top_count(__u64 number, int width, char *text, size_t size)
{
	const char *suffix = " kMGTPE";
	int length = snprintf(text, size, "%llu", number);

	while (length > width && number >= 1000) {
		number /= 1000;
		length = snprintf(text, size, "%llu%c", number, *++suffix);
	}
	return text;
}

char *top_rate(double rate, char *text, size_t size)
{
	snprintf(text, size, rate < 99.95 ? "%.1f/s" : "%.0f/s", rate);
	return text;
}

char *top_bar(__u32 active, __u32 cap, int width, char *text, size_t size)
{
	int inside = width - 2, filled = cap ? (__u64)active * inside / cap : 0;
	const char *words = active > cap ? "OVER CAP" : "AT CAP";
	int left = (inside - (int)strlen(words)) / 2;

	*text = '\0';
	if (cap == HC_UNLIMITED || inside < (int)strlen("OVER CAP") || (size_t)width >= size)
		return text;
	if (active >= cap) {
		snprintf(text, size, "[%*s%-*s]", left, "", inside - left, words);
		return text;
	}
	/* A user with a session has at least one mark. */
	if (active && !filled)
		filled = 1;
	text[0] = '[';
	memset(text + 1, '#', filled);
	memset(text + 1 + filled, '.', inside - filled);
	strcpy(text + 1 + inside, "]");
	return text;
}
