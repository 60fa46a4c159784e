// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <time.h>

#include "ticks.h"

unsigned int ticks_hz(__u32 jiffies, __u64 uptime_ms)
{
	static const unsigned int possible[] = {100, 250, 300, 1000};
	unsigned int best = 0;
	__u32 least = ~0u;

	for (unsigned int i = 0; i < sizeof(possible) / sizeof(possible[0]); i++) {
		__u32 expected = (__u32)((__s64)(uptime_ms - 300000) * possible[i] / 1000);
		__u32 off = abs((__s32)(jiffies - expected));

		if (off < least) {
			least = off;
			best = possible[i];
		}
	}
	return best;
}

__u64 ticks_to_ms(__u32 ticks, __u32 now)
{
	static unsigned int hz;
	struct timespec up;

	if (!hz) {
		clock_gettime(CLOCK_MONOTONIC, &up);
		hz = ticks_hz(now, up.tv_sec * 1000ull + up.tv_nsec / 1000000);
	}
	return ticks * 1000ull / hz;
}
