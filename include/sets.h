/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * In which sets of its table a record may be. Arithmetic alone: the tests find records with it,
 * and fill tables of many sizes.
 */
#ifndef HEADCOUNT_SETS_H
#define HEADCOUNT_SETS_H

#include "record.h"

/* The session's id, of that of a way, which may be hidden. */
static __always_inline __u64 session_shown(__u64 id)
{
	return (id & ~HC_SESSION_HIDDEN) | (id >> 1 & HC_SESSION_HIDDEN);
}

/*
 * The set for a try, of a table of `sets`, a power of two. The first tries are levels, each
 * among more sets and shared by fewer cookies in a row. The kernel gives a CPU 4,096 of them at
 * a time (gen_cookie_next()): what comes and goes on one finds its last record, still in that
 * processor's cache, and sessions that last move the others on to the next level. The last
 * tries scatter over all other sets: those of the levels may all be full.
 */
static __always_inline __u32 session_set_of(__u64 id, __u32 try, __u32 sets)
{
	__u32 most = HC_SESSION_HOT << 3 * (HC_SESSION_LEVELS - 1);
	__u32 levels = sets / 2 < most ? sets / 2 : most;
	__u32 level;
	__u64 hash;

	if (try < HC_SESSION_LEVELS) {
		level = HC_SESSION_HOT << 3 * try;
		return id >> (12 - 5 * try) & ((level < levels ? level : levels) - 1);
	}
	/* A product alone would put cookies in a row into few of the sets. */
	hash = (id ^ (__u64)try << 56) * 0x9e3779b97f4a7c15ull;
	hash = (hash ^ hash >> 32) * 0xd6e8feb86659fd93ull;
	return levels + ((hash >> 32) * (sets - levels) >> 32);
}

/* The set of a user, and what tells it from most others there: never 0. */
struct user_hash {
	__u32 set;
	__u32 tag;
};

/*
 * Of a table of `sets`, a power of two. The finalizer of MurmurHash3 over each word of the key,
 * seeded: clients choose their addresses, but not the seed.
 */
static __always_inline struct user_hash user_hash_of(const struct hc_user_key *key, __u64 seed,
						     __u32 sets)
{
	const __u64 *word = (const __u64 *)key;
	__u64 hash = seed;

	for (int i = 0; i < 3; i++) {
		hash ^= word[i];
		hash ^= hash >> 33;
		hash *= 0xff51afd7ed558ccdull;
		hash ^= hash >> 33;
		hash *= 0xc4ceb9fe1a85ec53ull;
		hash ^= hash >> 33;
	}
	return (struct user_hash){.set = hash & (sets - 1), .tag = (hash >> 32) | 1};
}

/* Its bit in a struct hc_wanted. */
static __always_inline __u32 wanted_bit(const struct hc_user_key *key)
{
	return user_hash_of(key, 0, HC_WANTED_BITS).set;
}

#endif
