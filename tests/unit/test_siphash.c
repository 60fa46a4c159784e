// SPDX-License-Identifier: GPL-2.0-only
/* The vectors of SipHash's authors: key 00 01 .. 0f, message 00 01 .. of n bytes, of the first
 * 64 those whose n is a multiple of 8, and of 64 bytes what OpenSSL makes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "siphash.h"

static void vectors(void **state)
{
	static const __u8 expected[][16] = {
		{0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14, 0xc7,
		 0x55, 0x02, 0x93},
		{0x3b, 0x62, 0xa9, 0xba, 0x62, 0x58, 0xf5, 0x61, 0x0f, 0x83, 0xe2, 0x64, 0xf3,
		 0x14, 0x97, 0xb4},
		[8] = {0x1e, 0xaf, 0x07, 0x7d, 0xc0, 0xd4, 0xcd, 0x3f, 0x8c, 0xad, 0x4d, 0x38,
		       0x36, 0x58, 0xa7, 0x4b},
	};
	static const size_t known[] = {0, 1, 8};
	__u64 key[2], words[8], hash[2];
	__u8 bytes[64];

	(void)state;
	for (int i = 0; i < 64; i++)
		bytes[i] = i;
	memcpy(key, bytes, sizeof(key));
	memcpy(words, bytes, sizeof(words));
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		siphash128(hash, key, words, known[i]);
		assert_memory_equal(hash, expected[known[i]], sizeof(hash));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(vectors)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
