// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

#include <systemd/sd-daemon.h>

#include "user/base/clock.h"
#include "user/base/notify.h"

static uint64_t beat_us, next_us; /* half of what the watchdog allows; 0: none */

static uint64_t now_us(void)
{
	return clock_monotonic_ns() / 1000;
}

bool notify_wanted(void)
{
	return getenv("NOTIFY_SOCKET");
}

/* That nobody takes it is no reason to fail: counting goes on. */
void notify(const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	sd_notify(false, text);
}

void notify_reloading(void)
{
	notify("RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)now_us());
}

void notify_watch(void)
{
	struct itimerval timer;
	uint64_t allowed;

	if (sd_watchdog_enabled(false, &allowed) <= 0)
		return;
	beat_us = allowed / 2;
	timer.it_interval.tv_sec = beat_us / 1000000;
	timer.it_interval.tv_usec = beat_us % 1000000;
	timer.it_value = timer.it_interval;
	setitimer(ITIMER_REAL, &timer, NULL);
}

void notify_alive(void)
{
	uint64_t now;

	if (!beat_us || (now = now_us()) < next_us)
		return;
	next_us =
		now + beat_us / 2; /* a whole one would make every other beat come too early */
	notify("WATCHDOG=1");
}
