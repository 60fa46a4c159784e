/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's jiffies, in milliseconds. */
#ifndef HEADCOUNT_TICKS_H
#define HEADCOUNT_TICKS_H

#include <stdbool.h>

#include "record.h"

__u64 ticks_to_ms(__u64 ticks);
__u64 ticks_of_ms(__u64 ms);

__u64 ticks_idle_ms(const struct hc_idle *idle);

/* Of an hc_socket or hc_event. False: the session is not half-closed, or nobody saw when. */
bool ticks_half_closed_ms(__u32 half_closed, __u64 *ms);

#endif
