// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "user/base/escape.h"
#include "user/base/journal_stream.h"
#include "user/base/log.h"

#undef hc_error /* what the analyzer is told, log.h */
#undef hc_error_errno

#define LINE_MAX_BYTES 1000 /* a longer one of a library goes on in the next line */

static void (*diverted)(const char *line);
static unsigned int told; /* enum log_detail, or more */

void log_divert(void (*take)(const char *line))
{
	diverted = take;
}

static _Thread_local void (*overheard)(const char *line);

void log_overhear(void (*hear)(const char *line))
{
	overheard = hear;
}

static _Thread_local bool hushed;

void log_hush(void)
{
	hushed = true;
}

void log_repeat(const char *line)
{
	fprintf(stderr, "headcount: %s\n", line);
}

void log_set_detail(unsigned int detail)
{
	told = detail;
}

void log_more(void)
{
	told++;
}

bool log_tells(enum log_detail detail)
{
	return told >= detail;
}

static void print_line(const char *priority, const char *text, size_t length,
		       const char *reason)
{
	char line[2048], whole[2304];

	if (hushed)
		return;
	escape_text(line, sizeof(line), text, length);
	snprintf(whole, sizeof(whole), "%s%s%s", line, *reason ? ": " : "", reason);
	if (overheard && strcmp(priority, SD_INFO) && strcmp(priority, SD_DEBUG))
		overheard(whole);
	if (diverted)
		diverted(whole);
	else
		fprintf(stderr, "%sheadcount: %s\n",
			journal_stream_is(STDERR_FILENO) ? priority : "", whole);
}

static void print_message(const char *priority, const char *format, va_list args,
			  const char *reason)
{
	char text[1024];

	vsnprintf(text, sizeof(text), format, args);
	print_line(priority, text, strlen(text), reason);
}

int hc_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_message(SD_ERR, format, args, "");
	va_end(args);
	return -EINVAL;
}

int hc_error_errno(int err, const char *format, ...)
{
	va_list args;

	err = abs(err);
	va_start(args, format);
	print_message(SD_ERR, format, args, strerror(err));
	va_end(args);
	return err ? -err : -EINVAL;
}

void hc_notice(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_message(SD_NOTICE, format, args, "");
	va_end(args);
}

void hc_step(const char *format, ...)
{
	va_list args;

	if (!log_tells(LOG_STEPS))
		return;
	va_start(args, format);
	print_message(SD_INFO, format, args, "");
	va_end(args);
}

void log_words(enum log_detail detail, const char *text)
{
	while (log_tells(detail) && *text) {
		size_t whole = strcspn(text, "\n");
		size_t length = whole < LINE_MAX_BYTES ? whole : LINE_MAX_BYTES;

		print_line(SD_DEBUG, text, length, "");
		text += length + (text[length] == '\n');
	}
}
