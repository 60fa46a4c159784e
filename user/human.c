// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>

#include "human.h"

char *human_bytes(__u64 bytes, char *text, size_t size)
{
	const char *suffix = "KMGTPE";
	double value = bytes / 1024.0;

	if (bytes < 1000) {
		snprintf(text, size, "%llu", bytes);
		return text;
	}
	for (; value >= 999.5 && suffix[1]; suffix++)
		value /= 1024;
	snprintf(text, size, value < 9.95 ? "%.1f%c" : "%.0f%c", value, *suffix);
	return text;
}

char *human_duration(__u64 seconds, char *text, size_t size)
{
	__u64 minutes = seconds / 60, hours = minutes / 60;

	if (!minutes)
		snprintf(text, size, "%llus", seconds);
	else if (!hours)
		snprintf(text, size, "%llum%02llus", minutes, seconds % 60);
	else if (hours < 24)
		snprintf(text, size, "%lluh%02llum", hours, minutes % 60);
	else
		snprintf(text, size, "%llud%02lluh", hours / 24, hours % 24);
	return text;
}

char *human_rtt(__u32 us, char *text, size_t size)
{
	double ms = us / 1000.0;

	if (ms >= 1000)
		snprintf(text, size, "%.2fs", ms / 1000);
	else
		snprintf(text, size, ms < 10 ? "%.2fms" : ms < 100 ? "%.1fms" : "%.0fms", ms);
	return text;
}
