/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Numbers as a person writes them, in the configuration and as arguments:
 * wholly decimal digits, no sign, no space, nothing after them.
 */
#ifndef HEADCOUNT_NUMBER_H
#define HEADCOUNT_NUMBER_H

#include <linux/types.h>

/* Returns 0, or -EINVAL if `text` is not a number from `min` to `max`. */
int number_parse(const char *text, __u32 min, __u32 max, __u32 *number);

/* A cap: a number that is not HC_UNLIMITED's, or the word "unlimited". */
int number_parse_cap(const char *text, __u32 *cap);

#endif
