// SPDX-License-Identifier: GPL-2.0-only
/* Arrays that grow, and are sorted by ids. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "user/base/array.h"

struct row {
	uint64_t id;
	uint32_t order; /* as it was */
	char rest[12];
};

static void grows(void **state)
{
	int *items = NULL;
	size_t count = 0;

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(array_append(&items, &count, &i, sizeof(i)), 0);
	assert_int_equal(count, 1000);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(items[i], i);
	free(items);
}

/* Random ids of so many bits, of which some are the same, in bits from `low` on. */
static void sorted(size_t count, int bits, int low)
{
	struct row *rows = calloc(count + 1, sizeof(*rows));
	uint8_t *seen = calloc(count + 1, 1);

	assert_true(rows && seen);
	for (size_t i = 0; i < count; i++) {
		uint64_t random = (uint64_t)mrand48() << 32 ^ (uint64_t)mrand48();

		rows[i].id = (bits == 64 ? random : random & ((1ull << bits) - 1)) << low;
		rows[i].order = i;
		memset(rows[i].rest, i, sizeof(rows[i].rest));
	}
	array_sort_by_id(rows, count, sizeof(*rows));
	for (size_t i = 0; i < count; i++) {
		assert_true(!seen[rows[i].order]++);
		assert_int_equal((uint8_t)rows[i].rest[11], rows[i].order & 255);
		if (!i)
			continue;
		assert_true(rows[i - 1].id <= rows[i].id);
		if (rows[i - 1].id == rows[i].id)
			assert_true(rows[i - 1].order < rows[i].order);
	}
	free(rows);
	free(seen);
}

static void sorts(void **state)
{
	static const int bits[] = {1, 8, 9, 17, 33, 64};

	(void)state;
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		for (size_t count = 0; count < 5; count++)
			sorted(count, bits[i], 0);
		sorted(1000, bits[i], 0);
	}
	sorted(3000, 10, 40); /* all lower bytes are the same */
	sorted(100000, 27, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows),
		cmocka_unit_test(sorts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
