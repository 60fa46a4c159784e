// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "number.h"
#include "policy.h"

int number_parse(const char *text, __u32 min, __u32 max, __u32 *number)
{
	__u64 value = 0;

	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		value = value * 10 + (*text - '0');
		/* Stopping here is what keeps `value` from wrapping around. */
		if (value > max)
			return -EINVAL;
	}
	if (value < min)
		return -EINVAL;
	*number = value;
	return 0;
}

int number_parse_cap(const char *text, __u32 *cap)
{
	if (!strcmp(text, "unlimited")) {
		*cap = HC_UNLIMITED;
		return 0;
	}
	return number_parse(text, 0, HC_UNLIMITED - 1, cap);
}
