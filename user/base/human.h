/* SPDX-License-Identifier: GPL-2.0-only */
/* Quantities as a person reads them, in few characters. */
#ifndef HEADCOUNT_HUMAN_H
#define HEADCOUNT_HUMAN_H

#include <linux/types.h>

/* Each returns `text`. */
#define HUMAN_TEXT 24
char *human_bytes(__u64 bytes, char text[HUMAN_TEXT]); /* "999", "1.2K", "34M" */
char *human_duration(__u64 seconds,
		     char text[HUMAN_TEXT]);      /* "5s", "3m05s", "2h10m", "9d03h" */
char *human_rtt(__u32 us, char text[HUMAN_TEXT]); /* "0.05ms", "12.3ms", "1.25s" */

#endif
