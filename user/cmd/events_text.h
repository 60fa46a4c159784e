/* SPDX-License-Identifier: GPL-2.0-only */
/* Which events `run` sends, and where, in one line. */
#ifndef HEADCOUNT_EVENTS_TEXT_H
#define HEADCOUNT_EVENTS_TEXT_H

#include <stddef.h>
#include "user/config/config.h"

/* "events to stdout: opened, closed, refused of outbound, inbound; refused of imap". Services
 * that emit nothing are left out, and of many alike all but a few. Returns `text`. */
char *events_text(const struct config *config, char *text, size_t size);

#endif
