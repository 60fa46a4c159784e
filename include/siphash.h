/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SipHash-2-4 with 128 bits of result (Aumasson and Bernstein), of whole 64-bit words in host
 * order. Whoever does not know the key finds no two messages of the same hash.
 */
#ifndef HEADCOUNT_SIPHASH_H
#define HEADCOUNT_SIPHASH_H

#include <linux/types.h>

static __always_inline __u64 siphash_rotate(__u64 word, unsigned int by)
{
	return word << by | word >> (64 - by);
}

static __always_inline void siphash_round(__u64 v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = siphash_rotate(v[1], 13) ^ v[0];
	v[3] = siphash_rotate(v[3], 16) ^ v[2];
	v[0] = siphash_rotate(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = siphash_rotate(v[1], 17) ^ v[2];
	v[3] = siphash_rotate(v[3], 21) ^ v[0];
	v[2] = siphash_rotate(v[2], 32);
}

static __always_inline void siphash_word(__u64 v[4], __u64 word)
{
	v[3] ^= word;
	siphash_round(v);
	siphash_round(v);
	v[0] ^= word;
}

static __always_inline void siphash_end(__u64 v[4])
{
	for (int i = 0; i < 4; i++)
		siphash_round(v);
}

/* The 16 bytes of `hash`, of `count` words. */
static __always_inline void siphash128(__u64 hash[2], const __u64 key[2], const __u64 *word,
				       unsigned int count)
{
	__u64 v[4] = {
		key[0] ^ 0x736f6d6570736575ull,
		key[1] ^ 0x646f72616e646f6dull ^ 0xee,
		key[0] ^ 0x6c7967656e657261ull,
		key[1] ^ 0x7465646279746573ull,
	};

	for (unsigned int i = 0; i < count; i++)
		siphash_word(v, word[i]);
	siphash_word(v, (__u64)count * 8 << 56);
	v[2] ^= 0xee;
	siphash_end(v);
	hash[0] = v[0] ^ v[1] ^ v[2] ^ v[3];
	v[1] ^= 0xdd;
	siphash_end(v);
	hash[1] = v[0] ^ v[1] ^ v[2] ^ v[3];
}

#endif
