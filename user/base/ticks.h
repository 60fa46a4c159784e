/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HEADCOUNT_TICKS_H
#define HEADCOUNT_TICKS_H

#include <linux/types.h>

/* The kernel's jiffies to milliseconds. */
__u64 ticks_to_ms(__u32 ticks);

#endif
