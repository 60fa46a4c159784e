// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "escape.h"
#include "log.h"

static void (*diverted)(const char *line);

void log_divert(void (*take)(const char *line))
{
	diverted = take;
}

static _Thread_local void (*overheard)(const char *line);

void log_overhear(void (*hear)(const char *line))
{
	overheard = hear;
}

void log_repeat(const char *line)
{
	fprintf(stderr, "headcount: %s\n", line);
}

static void say(const char *kind, const char *format, va_list args, const char *reason)
{
	char text[1024], line[2048], whole[2304];

	vsnprintf(text, sizeof(text), format, args);
	escape_text(line, sizeof(line), text, strlen(text));
	snprintf(whole, sizeof(whole), "%s%s%s%s", kind, line, *reason ? ": " : "", reason);
	if (overheard)
		overheard(whole);
	if (diverted)
		diverted(whole);
	else
		log_repeat(whole);
}

int hc_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say("", format, args, "");
	va_end(args);
	return -EINVAL;
}

int hc_error_errno(int err, const char *format, ...)
{
	va_list args;

	err = abs(err);
	va_start(args, format);
	say("", format, args, strerror(err));
	va_end(args);
	return err ? -err : -EINVAL;
}

void hc_notice(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say("", format, args, "");
	va_end(args);
}
