// SPDX-License-Identifier: GPL-2.0-only
#include "user/base/clock.h"

__u64 clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

__u64 clock_monotonic_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

__u64 clock_realtime_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

__s64 clock_realtime_offset_ns(void)
{
	return clock_realtime_ns() - clock_monotonic_ns();
}

struct timespec clock_timespec(__u64 ns)
{
	return (struct timespec){ns / NS_PER_SECOND, ns % NS_PER_SECOND};
}

void clock_sleep_ms(unsigned int ms)
{
	const struct timespec pause = clock_timespec(ms * NS_PER_MS);

	nanosleep(&pause, NULL);
}
