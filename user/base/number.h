/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Numbers as a person writes them, in the configuration and as arguments:
 * decimal digits, no sign, no space, nothing after them but a duration's unit.
 */
#ifndef HEADCOUNT_NUMBER_H
#define HEADCOUNT_NUMBER_H

#include <linux/types.h>

/* Returns 0, or -EINVAL if `text` is not a number from `min` to `max`. */
int number_parse(const char *text, __u32 min, __u32 max, __u32 *number);

/* A session's id. */
int number_parse_id(const char *text, __u64 *id);

/* A length of time, not 0: 90 (seconds), 90s, 15m, 2h, 3d. */
int number_parse_duration(const char *text, __u64 *ms);

/* A cap: a number that is not HC_UNLIMITED's, or the word "unlimited". */
int number_parse_cap(const char *text, __u32 *cap);

#endif
