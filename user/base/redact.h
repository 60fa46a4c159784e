/* SPDX-License-Identifier: GPL-2.0-only */
/* Log lines for the eyes of strangers. */
#ifndef HEADCOUNT_REDACT_H
#define HEADCOUNT_REDACT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A line of the unit's journal, as `journalctl -o short-iso --no-hostname` prints it, without
 * the addresses in it and without what follows the first quotation mark: our messages have
 * every name of a user in such. False: it is neither ours nor systemd's (but an event, say),
 * and is to be left out.
 */
bool redact_log(const char *line, char *out, size_t size);

/* The same of a message alone, whatever it is. */
void redact_text(const char *line, char *out, size_t size);

#endif
