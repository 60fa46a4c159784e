/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Text without stdio, for what is written a million times. A put_ function appends at
 * `p`, no NUL, and returns where the next one goes on; each says how much it writes at
 * most. A _format function writes a string and returns it.
 */
#ifndef HEADCOUNT_PUT_H
#define HEADCOUNT_PUT_H

#include <stdbool.h>
#include <string.h>
#include <linux/types.h>

#define PUT(p, literal) ((char *)mempcpy(p, literal, sizeof(literal) - 1))

char *put_number(char *p, __u64 value);     /* at most 20 bytes */
char *put_two(char *p, unsigned int value); /* two digits of a number below 100 */

/* RFC 3339, UTC, with nanoseconds: 30 bytes. */
char *put_time(char *p, __u64 realtime_ns);

/* The same; or, without `utc`, the local time to the second. */
#define TIME_TEXT 32
char *time_format(__u64 realtime_ns, bool utc, char text[TIME_TEXT]);

#define IPV4_BITS    96 /* an IPv4 address starts here in its IPv4-mapped form */
#define ADDRESS_TEXT 46 /* bytes of an address, with a NUL */
#define PREFIX_TEXT  (ADDRESS_TEXT + 4)
#define END_TEXT     (ADDRESS_TEXT + 8)

/* As inet_ntop writes it, IPv4-mapped as IPv4: at most ADDRESS_TEXT bytes. */
char *put_address(char *p, const __u8 address[16]);
char *address_format(const __u8 address[16], char text[ADDRESS_TEXT]);

/* "192.0.2.0/24", and without a length if it is the whole address. `bits` of the 16
 * bytes: for IPv4, 96 + length. */
char *put_prefix(char *p, const __u8 id[16], unsigned int bits);

/* "192.0.2.7:143", "[2001:db8::7]:143". */
char *put_end(char *p, const __u8 address[16], __u16 port);
char *end_format(const __u8 address[16], __u16 port, char text[END_TEXT]);

#endif
