/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Questions about the 16 bytes of an address, without printing them.
 */
#ifndef HEADCOUNT_ADDRESS_H
#define HEADCOUNT_ADDRESS_H

#include <stdbool.h>
#include <string.h>
#include "policy.h"

/* An IPv4 address, written ::ffff:a.b.c.d. */
static inline bool address_is_ipv4(const __u8 address[16])
{
	static const __u8 mapped[12] = {[10] = 0xff, [11] = 0xff};

	return !memcmp(address, mapped, sizeof(mapped));
}

/* The unspecified address of either family stands for "not known". */
static inline bool address_is_known(const __u8 address[16])
{
	static const __u8 none[16];

	if (address_is_ipv4(address))
		return memcmp(address + 12, none, 4);
	return memcmp(address, none, sizeof(none));
}

#endif
