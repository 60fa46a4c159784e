/* SPDX-License-Identifier: GPL-2.0-only */
/* Parses a line of JSON that the daemon wrote. */
#ifndef HEADCOUNT_EVENT_LINE_H
#define HEADCOUNT_EVENT_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include "record.h"

struct json_object;

struct event_line {
	struct json_object *object; /* has the texts */
	struct hc_event event;      /* times are nanoseconds since 1970; no user, no comm */
	const char *action;         /* never NULL, nor are the next: "" if not there */
	const char *service, *user, *before, *process, *reason;
	__u64 lost; /* of events-lost, PRINT_LOST_UNKNOWN if it does not say */
};

/* Returns 0, or -EINVAL if the text is not an event. */
int event_line_parse(struct event_line *line, const char *text, size_t length);
void event_line_free(struct event_line *line);

/* The number of the line, which is found without parsing it; 0 if there is none. */
__u64 event_line_sequence(const char *text, size_t length);

/* Has it this action: an event's type, or ACTION_LOST (words.h)? */
bool event_line_is(const struct event_line *line, unsigned int action);

#endif
