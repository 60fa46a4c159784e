/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a charge is packed, the word in a session's record that says which slot it holds: from
 * the lowest bit, 24 bits of the session's id, so that a recycled record is never mistaken for
 * its past; 8 of the service; 31 of the user's position in the user table; and whether a slot
 * of the service's total is held, too.
 */
#ifndef HEADCOUNT_CHARGE_H
#define HEADCOUNT_CHARGE_H

#include "user_table.h"

#define HC_CHARGE_TOTAL (1ull << 63)
#define HC_CHARGE_ID    0xffffffull

HC_STATIC_ASSERT(HC_SERVICES_MAX <= 1 << 8);

static __always_inline __u64 charge_pack(__u32 position, __u32 service, __u64 id)
{
	return (__u64)position << 32 | (__u64)(service & 0xff) << 24 | (id & HC_CHARGE_ID);
}

/* The user that is charged; 0: nobody. */
static __always_inline __u32 charge_position(__u64 charge)
{
	return (__u32)(charge >> 32) & 0x7fffffffu;
}

static __always_inline __u32 charge_service(__u64 charge)
{
	return (__u32)charge >> 24;
}

/* Can it be that of this session? */
static __always_inline _Bool charge_is_of(__u64 charge, __u64 id)
{
	return !((charge ^ id) & HC_CHARGE_ID);
}

#endif
