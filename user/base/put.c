// SPDX-License-Identifier: GPL-2.0-only
#include <arpa/inet.h>
#include <stdbool.h>
#include <time.h>

#include "user/base/address.h"
#include "user/base/clock.h"
#include "user/base/put.h"

char *put_two(char *p, unsigned int value)
{
	p[0] = '0' + value / 10;
	p[1] = '0' + value % 10;
	return p + 2;
}

char *put_number(char *p, __u64 value)
{
	char digits[20], *start = digits + sizeof(digits);

	for (; value >= 100; value /= 100)
		put_two(start -= 2, value % 100);
	if (value >= 10)
		put_two(start -= 2, value);
	else
		*--start = '0' + value;
	return mempcpy(p, start, digits + sizeof(digits) - start);
}

/* "2026-01-31T" of a day since 1970. Few different days occur together. */
static const char *date_text(__u64 day)
{
	static _Thread_local struct date { /* the journal's thread prints, too */
		__u64 day;
		char text[12];
	} dates[4];
	struct date *date = &dates[day % 4];
	time_t seconds = day * 86400;
	struct tm tm;

	if (date->day != day || !*date->text) {
		date->day = day;
		gmtime_r(&seconds, &tm);
		strftime(date->text, sizeof(date->text), "%Y-%m-%dT", &tm);
	}
	return date->text;
}

/* 64 bits of nanoseconds end in the year 2554: a year has four digits. */
char *put_time(char *p, __u64 realtime_ns)
{
	unsigned int fraction = realtime_ns % NS_PER_SECOND, divisor;
	__u64 seconds = realtime_ns / NS_PER_SECOND;
	unsigned int second = seconds % 86400;

	p = mempcpy(p, date_text(seconds / 86400), 11);
	p = put_two(p, second / 3600);
	*p++ = ':';
	p = put_two(p, second / 60 % 60);
	*p++ = ':';
	p = put_two(p, second % 60);
	*p++ = '.';
	*p++ = '0' + fraction / 100000000;
	for (divisor = 1000000; divisor; divisor /= 100)
		p = put_two(p, fraction / divisor % 100);
	*p++ = 'Z';
	return p;
}

char *time_format(__u64 realtime_ns, bool utc, char text[TIME_TEXT])
{
	time_t seconds = realtime_ns / NS_PER_SECOND;
	struct tm tm;

	if (utc)
		*put_time(text, realtime_ns) = '\0';
	else
		strftime(text, TIME_TEXT, "%Y-%m-%d %H:%M:%S", localtime_r(&seconds, &tm));
	return text;
}

static char *put_ipv4(char *p, const __u8 bytes[4])
{
	int i;

	for (i = 0; i < 4; i++) {
		p = put_number(p, bytes[i]);
		*p++ = '.';
	}
	return p - 1;
}

static char *put_hex(char *p, unsigned int group)
{
	int shift = group > 0xfff ? 12 : group > 0xff ? 8 : group > 0xf ? 4 : 0;

	for (; shift >= 0; shift -= 4)
		*p++ = "0123456789abcdef"[group >> shift & 15];
	return p;
}

/* RFC 5952: the longest run of zero groups, the first of equals, is "::".
 * inet_ntop does the same at a quarter of the pace. */
static char *put_ipv6(char *p, const __u8 address[16])
{
	unsigned int group[8], i, run = 0, best = 8, best_length = 1;

	for (i = 0; i < 8; i++) {
		group[i] = address[2 * i] << 8 | address[2 * i + 1];
		run = group[i] ? 0 : run + 1;
		if (run > best_length) {
			best_length = run;
			best = i + 1 - run;
		}
	}
	for (i = 0; i < 8; i++) {
		if (i == best) {
			p = PUT(p, "::");
			i += best_length - 1;
			continue;
		}
		if (i && i != best + best_length)
			*p++ = ':';
		p = put_hex(p, group[i]);
	}
	return p;
}

char *put_address(char *p, const __u8 address[16])
{
	static const __u8 zero[12];

	if (address_is_ipv4(address))
		return put_ipv4(p, address + 12);
	if (memcmp(address, zero, sizeof(zero)))
		return put_ipv6(p, address);
	/* ::1 and the old IPv4-compatible addresses, which have a form of their own. */
	inet_ntop(AF_INET6, address, p, INET6_ADDRSTRLEN);
	return p + strlen(p);
}

char *put_prefix(char *p, const __u8 id[16], unsigned int bits)
{
	p = put_address(p, id);
	if (bits >= 128)
		return p;
	*p++ = '/';
	return put_number(p,
			  address_is_ipv4(id) && bits >= IPV4_BITS ? bits - IPV4_BITS : bits);
}

char *put_end(char *p, const __u8 address[16], __u16 port)
{
	bool bracketed = !address_is_ipv4(address);

	if (bracketed)
		*p++ = '[';
	p = put_address(p, address);
	if (bracketed)
		*p++ = ']';
	*p++ = ':';
	return put_number(p, port);
}

char *address_format(const __u8 address[16], char text[ADDRESS_TEXT])
{
	*put_address(text, address) = '\0';
	return text;
}

char *end_format(const __u8 address[16], __u16 port, char text[END_TEXT])
{
	*put_end(text, address, port) = '\0';
	return text;
}
