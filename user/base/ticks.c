// SPDX-License-Identifier: GPL-2.0-only

#include "user/base/clock.h"
#include "user/base/ticks.h"

/* The kernel does not export its HZ, but its coarse clocks move once a tick. */
__u64 ticks_to_ms(__u64 ticks)
{
	static _Thread_local struct timespec tick; /* the page's thread asks, too */

	if (!tick.tv_nsec)
		clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
	return ticks * tick.tv_nsec / NS_PER_MS;
}

__u64 ticks_of_ms(__u64 ms)
{
	__u64 thousand = ticks_to_ms(1000);

	return thousand ? ms * 1000 / thousand : ms;
}

__u64 ticks_idle_ms(const struct hc_idle *idle)
{
	__u64 ms = ticks_to_ms(idle->ticks);

	return idle->ms < ms ? idle->ms : ms;
}

bool ticks_half_closed_ms(__u32 half_closed, __u64 *ms)
{
	*ms = ticks_to_ms((__u64)half_closed << HC_HALF_CLOSED_SHIFT);
	return half_closed != HC_NEVER;
}
