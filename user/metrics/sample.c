// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <string.h>

#include "user/base/clock.h"
#include "user/base/escape.h"
#include "user/base/user_name.h"
#include "user/metrics/sample.h"

/* OpenMetrics names a family without the suffix of its samples. */
static void head(struct page *page)
{
	static const char *const types[] = {"gauge", "counter", "histogram", "info"};
	static const char *const suffixes[] = {"", "_total", "", "_info"};
	const struct family *family = page->family;
	bool open = page->format == METRICS_OPEN;
	const char *suffix = open ? "" : suffixes[family->type];
	const char *type = !open && family->type == INFO ? "gauge" : types[family->type];

	if (page->begun)
		return;
	page->begun = true;
	fprintf(page->out, "# HELP headcount_%s%s %s.\n# TYPE headcount_%s%s %s\n",
		family->name, suffix, family->help, family->name, suffix, type);
	if (open && family->unit)
		fprintf(page->out, "# UNIT headcount_%s %s\n", family->name, family->unit);
}

/* The name with `suffix` and labels: pairs of name and value, up to a NULL. */
static void begin(struct page *page, const char *suffix, va_list labels)
{
	char text[4 * HC_USER_TEXT];
	const char *name, *value, *before = "{";

	head(page);
	fprintf(page->out, "headcount_%s%s", page->family->name, suffix);
	while ((name = va_arg(labels, const char *))) {
		value = va_arg(labels, const char *);
		escape_label(text, sizeof(text), value, strlen(value));
		fprintf(page->out, "%s%s=\"%s\"", before, name, text);
		before = ",";
	}
	fputs(*before == ',' ? "} " : " ", page->out);
}

void page_sample(struct page *page, const char *suffix, __u64 value, ...)
{
	va_list labels;

	va_start(labels, value);
	begin(page, suffix, labels);
	va_end(labels);
	fprintf(page->out, "%llu\n", value);
}

void page_seconds(struct page *page, const char *suffix, __u64 ns, ...)
{
	va_list labels;

	va_start(labels, ns);
	begin(page, suffix, labels);
	va_end(labels);
	fprintf(page->out, "%llu.%09llu\n", ns / NS_PER_SECOND, ns % NS_PER_SECOND);
}
