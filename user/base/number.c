// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "user/base/number.h"
#include "policy.h"

/* The digits that `text` begins with, at most `max`; `*end` is what follows them. */
static int parse_digits(const char *text, __u64 max, __u64 *number, const char **end)
{
	__u64 value = 0, digit;
	const char *at = text;

	for (; *at >= '0' && *at <= '9'; at++) {
		digit = *at - '0';
		/* Asked before, so that `value` does not wrap around. */
		if (digit > max || value > (max - digit) / 10)
			return -EINVAL;
		value = value * 10 + digit;
	}
	*number = value;
	*end = at;
	return at == text ? -EINVAL : 0;
}

int number_parse(const char *text, __u32 min, __u32 max, __u32 *number)
{
	const char *end;
	__u64 value;

	if (parse_digits(text, max, &value, &end) || *end || value < min)
		return -EINVAL;
	*number = value;
	return 0;
}

int number_parse_id(const char *text, __u64 *id)
{
	const char *end;

	return parse_digits(text, ~0ull, id, &end) || *end ? -EINVAL : 0;
}

int number_parse_duration(const char *text, __u64 *ms)
{
	static const struct {
		const char *unit;
		__u32 seconds;
	} units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
	const char *end;
	__u64 value;

	if (parse_digits(text, 0xffffffff, &value, &end) || !value)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].unit))
			continue;
		*ms = value * units[i].seconds * 1000;
		return 0;
	}
	return -EINVAL;
}

int number_parse_cap(const char *text, __u32 *cap)
{
	if (!strcmp(text, "unlimited")) {
		*cap = HC_UNLIMITED;
		return 0;
	}
	return number_parse(text, 0, HC_UNLIMITED - 1, cap);
}
