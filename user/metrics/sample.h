/* SPDX-License-Identifier: GPL-2.0-only */
/* A family of metrics, and its samples: for the files that write the page. */
#ifndef HEADCOUNT_METRICS_SAMPLE_H
#define HEADCOUNT_METRICS_SAMPLE_H

#include "user/metrics/facts.h"

enum type {
	GAUGE,
	COUNTER,
	HISTOGRAM,
	INFO,
};

struct page;

/* One metric. `name` is without headcount_ and without what its type appends. */
struct family {
	const char *name;
	const char *unit;
	enum type type;
	const char *help;
	void (*samples)(struct page *page);
};

struct page {
	FILE *out;
	const struct metrics *metrics;
	enum metrics_format format;
	const struct family *family;
	bool begun; /* its head is written */
};

/* A sample of the family, whose name gets `suffix`; then its labels: pairs of name and value,
 * up to a NULL. The second writes nanoseconds as seconds. */
void page_sample(struct page *page, const char *suffix, __u64 value, ...)
	__attribute__((sentinel));
void page_seconds(struct page *page, const char *suffix, __u64 ns, ...)
	__attribute__((sentinel));

#endif
