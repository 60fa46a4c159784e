/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Events as lines. A printer appends whole lines to a growing buffer that its
 * owner writes out in batches, so that a line is never split by a failure.
 */
#ifndef HEADCOUNT_PRINT_H
#define HEADCOUNT_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include "user/base/print_buffer.h"
#include "user/events/origin.h"
#include "record.h"

/* What a line needs that the record does not carry. */
struct print_context {
	char (*service_names)[HC_NAME_MAX]; /* HC_SERVICES_MAX of them, by id */
	__s64 realtime_offset_ns;           /* CLOCK_REALTIME - CLOCK_MONOTONIC */
	__u64 sequence;                     /* of the last line that was printed */
	const struct origin *origin;        /* of all lines; NULL: they have none */
	unsigned int terminal;              /* columns that text has; 0: as many as it needs */
};

/* CLOCK_MONOTONIC to nanoseconds since 1970. */
static inline __u64 print_realtime(const struct print_context *printing, __u64 time_ns)
{
	return time_ns + printing->realtime_offset_ns;
}

/* One JSON object and a newline, keys as in headcount(8), EVENTS. */
void print_json_event(struct print_buffer *out, struct print_context *context,
		      const struct hc_event *event);

/* The gap event headcount.events-lost: `lost` records for the reason `word`. */
void print_json_lost(struct print_buffer *out, struct print_context *context, __u64 time_ns,
		     const char *word, __u64 lost);

/* A host's own cap holds, as it has no lease of the fleet any more; or that is over. */
struct print_fleet {
	__u64 time_ns;  /* CLOCK_MONOTONIC, */
	__u64 since_ns; /* and that it began */
	bool alone;     /* else it is over */
	enum hc_alone means;
	__u32 members;   /* of the fleet, last seen */
	char store[128]; /* the server that was asked last */
};
void print_json_fleet(struct print_buffer *out, struct print_context *context,
		      const struct print_fleet *fleet);

#define PRINT_LOST_UNKNOWN (~0ull) /* as `lost`: nobody knows how many */

/* The same for a person: aligned columns, one line an event. */
void print_text_header(struct print_buffer *out, const struct print_context *context);
void print_text_event(struct print_buffer *out, struct print_context *context,
		      const struct hc_event *event);

/* The same of an event whose names are known already. */
struct print_names {
	const char *service, *user, *process;
	const char *before; /* of HC_LABELLED: whose it was */
};
void print_text_row(struct print_buffer *out, struct print_context *context,
		    const struct hc_event *event, const struct print_names *names);
void print_text_lost(struct print_buffer *out, struct print_context *context, __u64 time_ns,
		     const char *word, __u64 lost);

/* How wide the terminal is, at least 80; 0: it is none. */
unsigned int print_terminal(int fd);

#endif
