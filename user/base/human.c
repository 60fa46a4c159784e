// SPDX-License-Identifier: GPL-2.0-only
/* Mostly by hand: in a long list of sessions printf() was expensive. */
#include <stdio.h>

#include "user/base/human.h"
#include "user/base/put.h"

static char *end_text(char *p, char *text, const char *unit)
{
	strcpy(p, unit);
	return text;
}

char *human_bytes(__u64 bytes, char text[HUMAN_TEXT])
{
	const char *suffix = "KMGTPE";
	double value = bytes / 1024.0;

	if (bytes < 1000)
		return end_text(put_number(text, bytes), text, "");
	for (; value >= 999.5 && suffix[1]; suffix++)
		value /= 1024;
	snprintf(text, HUMAN_TEXT, value < 9.95 ? "%.1f%c" : "%.0f%c", value, *suffix);
	return text;
}

char *human_duration(__u64 seconds, char text[HUMAN_TEXT])
{
	__u64 minutes = seconds / 60, hours = minutes / 60;
	char *p;

	if (!minutes)
		return end_text(put_number(text, seconds), text, "s");
	if (!hours) {
		*(p = put_number(text, minutes)) = 'm';
		return end_text(put_two(p + 1, seconds % 60), text, "s");
	}
	if (hours < 24) {
		*(p = put_number(text, hours)) = 'h';
		return end_text(put_two(p + 1, minutes % 60), text, "m");
	}
	*(p = put_number(text, hours / 24)) = 'd';
	return end_text(put_two(p + 1, hours % 24), text, "h");
}

static char *put_hundredths(char *p, __u32 hundredths)
{
	p = put_number(p, hundredths / 100);
	*p++ = '.';
	return put_two(p, hundredths % 100);
}

char *human_rtt(__u32 us, char text[HUMAN_TEXT])
{
	__u64 wide = us;
	char *p;

	if (us >= 1000000)
		return end_text(put_hundredths(text, (wide + 5000) / 10000), text, "s");
	if (us < 10000)
		return end_text(put_hundredths(text, (wide + 5) / 10), text, "ms");
	if (us >= 100000)
		return end_text(put_number(text, (wide + 500) / 1000), text, "ms");
	p = put_number(text, (wide + 50) / 1000);
	*p++ = '.';
	*p++ = '0' + (wide + 50) / 100 % 10;
	return end_text(p, text, "ms");
}
