// SPDX-License-Identifier: GPL-2.0-only
/* Tables of all sizes, filled as sessions fill them: nearly none finds no room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sets.h"

static unsigned char *used; /* ways of each set */

/* Puts a session where session_make() would; false: no room. */
static bool put(__u64 id, __u32 sets)
{
	for (__u32 try = 0; try < HC_SESSION_TRIES; try++) {
		__u32 set = session_set_of(id, try, sets);

		assert_true(set < sets);
		if (used[set] < HC_SESSION_WAYS) {
			used[set]++;
			return true;
		}
	}
	return false;
}

/* A table as load_session_sets() makes it is twice as large as what it is to hold. Of
 * every `step` cookies one belongs to a session that stays. */
static void fills(__u32 sets, unsigned int step)
{
	__u32 most = sets * HC_SESSION_WAYS / 2, lost = 0;
	__u64 id = 1000;

	used = calloc(sets, 1);
	assert_non_null(used);
	srand(7);
	for (__u32 i = 0; i < most; i++) {
		id += step == 1 ? 1 : 1 + rand() % (2 * step);
		lost += !put(id, sets);
	}
	free(used);
	if (lost > most / 10000)
		fail_msg("%u of %u found no room in %u sets, every %u", lost, most, sets, step);
}

static void test_room(void **state)
{
	static const unsigned int steps[] = {1, 2, 4, 16, 1000};

	(void)state;
	for (__u32 sets = 16; sets <= 1 << 17; sets *= 2)
		for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
			fills(sets, steps[i]);
}

/* While sessions that stay leave room in a level, those that come and go are in it: in one set
 * for so many cookies in a row. */
static void test_levels(void **state)
{
	static const __u32 shared[HC_SESSION_LEVELS] = {4096, 128, 4};
	const __u32 sets = 1 << 16;

	(void)state;
	for (__u32 try = 0; try < HC_SESSION_LEVELS; try++)
		for (__u64 id = 0; id < 1000000; id++) {
			__u32 set = session_set_of(id, try, sets);

			assert_in_range(set, 0, (HC_SESSION_HOT << 3 * try) - 1);
			if (id % shared[try])
				assert_int_equal(set, session_set_of(id - 1, try, sets));
			else if (id)
				assert_int_not_equal(set, session_set_of(id - 1, try, sets));
		}
}

/* A hidden id is no cookie, of those that count up nor of those that count down, is in the same
 * sets, and shows which it hides. */
static void test_hidden(void **state)
{
	static const __u64 ids[] = {1, 4096, 0x9bbd3e6, 1ull << 40, -1ull, -4096ull};

	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		__u64 hidden = ids[i] ^ HC_SESSION_HIDDEN;

		assert_int_equal(session_shown(ids[i]), ids[i]);
		assert_int_equal(session_shown(hidden), ids[i]);
		assert_int_not_equal(hidden, ids[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_hidden),
	};

	return cmocka_run_group_tests_name("sets", tests, NULL, NULL);
}
