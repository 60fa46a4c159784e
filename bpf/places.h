/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a session's record may be. Arithmetic alone: the unit tests fill tables of
 * many sizes with it.
 */
#ifndef HEADCOUNT_PLACES_H
#define HEADCOUNT_PLACES_H

#include "record.h"

/*
 * The set for a try, of a table of `sets`, a power of two. The first tries are among
 * few sets, which stay in the processor's cache: sessions that last fill them, and
 * those that come and go are at home in the first level that has room. Cookies count
 * up: four in a row share a set, and its cache lines. The last tries scatter over
 * all other sets: those of the levels may all be full.
 */
static inline __attribute__((always_inline)) __u32 session_place(__u64 id, __u32 try,
								 __u32 sets)
{
	__u32 most = HC_SESSION_HOT << 4 * (HC_SESSION_LEVELS - 1);
	__u32 levels = sets / 2 < most ? sets / 2 : most;
	__u32 level = HC_SESSION_HOT << 4 * (try % HC_SESSION_LEVELS);
	__u64 hash;

	if (try < HC_SESSION_LEVELS)
		return id >> 2 & ((level < levels ? level : levels) - 1);
	/* A product alone would put cookies in a row into few of the sets. */
	hash = (id ^ (__u64)try << 56) * 0x9e3779b97f4a7c15ull;
	hash = (hash ^ hash >> 32) * 0xd6e8feb86659fd93ull;
	return levels + ((hash >> 32) * (sets - levels) >> 32);
}

#endif
