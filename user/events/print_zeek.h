/* SPDX-License-Identifier: GPL-2.0-only */
/* Sessions that ended or were refused, as Zeek's conn.log. */
#ifndef HEADCOUNT_PRINT_ZEEK_H
#define HEADCOUNT_PRINT_ZEEK_H

#include <time.h>
#include "user/events/event_line.h"
#include "user/events/print.h"

void print_zeek_header(struct print_buffer *out, time_t now);

/* One line, or none for an event that is no end of a session. */
void print_zeek_event(struct print_buffer *out, const struct event_line *line);

void print_zeek_close(struct print_buffer *out, time_t now);

#endif
