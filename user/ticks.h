/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HEADCOUNT_TICKS_H
#define HEADCOUNT_TICKS_H

#include <linux/types.h>

/*
 * The kernel's HZ, which it tells nobody: `jiffies` is its low half at
 * `uptime_ms` (CLOCK_MONOTONIC), and the kernel starts it 300 seconds before it
 * wraps (include/linux/jiffies.h, INITIAL_JIFFIES).
 */
unsigned int ticks_hz(__u32 jiffies, __u64 uptime_ms);

/* Jiffies to milliseconds, `now` being the kernel's jiffies just now. */
__u64 ticks_to_ms(__u32 ticks, __u32 now);

#endif
