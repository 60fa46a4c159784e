/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's clocks, in nanoseconds. */
#ifndef HEADCOUNT_CLOCK_H
#define HEADCOUNT_CLOCK_H

#include <time.h>
#include <linux/types.h>

#define NS_PER_SECOND 1000000000ull
#define NS_PER_MS     1000000ull

/* Any of them, by its name of clock_gettime(2). */
__u64 clock_ns(clockid_t clock);

/* CLOCK_MONOTONIC: the times in the records of bpf/. */
__u64 clock_monotonic_ns(void);

/* CLOCK_REALTIME: since 1970. */
__u64 clock_realtime_ns(void);

/* What makes the second of the first. */
__s64 clock_realtime_offset_ns(void);

struct timespec clock_timespec(__u64 ns);

/* A signal ends it. */
void clock_sleep_ms(unsigned int ms);

#endif
