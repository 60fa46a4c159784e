// SPDX-License-Identifier: GPL-2.0-only

#include "user/base/clock.h"
#include "user/base/ticks.h"

/* The kernel does not export its HZ, but its coarse clocks move once a tick. */
__u64 ticks_to_ms(__u32 ticks)
{
	static struct timespec tick;

	if (!tick.tv_nsec)
		clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
	return (__u64)ticks * tick.tv_nsec / NS_PER_MS;
}
