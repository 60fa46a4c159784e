/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An event as an entry of systemd's journal: fields "NAME=value", each ended by a NUL, and an
 * empty one after the last. Outsiders' bytes are escaped as for a terminal.
 */
#ifndef HEADCOUNT_JOURNAL_ENTRY_H
#define HEADCOUNT_JOURNAL_ENTRY_H

#include "user/events/print.h"

#define JOURNAL_FIELDS_MAX 32

/* Appends one entry; nothing if there is no memory for it. Return whether they did. */
bool journal_entry_event(struct print_buffer *out, const struct print_context *context,
			 const struct hc_event *event);
bool journal_entry_lost(struct print_buffer *out, const struct print_context *context,
			const char *word, __u64 lost);
bool journal_entry_fleet(struct print_buffer *out, const struct print_context *context,
			 const struct print_fleet *fleet);

#endif
