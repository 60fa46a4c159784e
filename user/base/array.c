// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/array.h"

#define BYTES sizeof(uint64_t)

int array_append(void *items, size_t *count, const void *item, size_t size)
{
	char *array, *grown;

	memcpy(&array, items, sizeof(array));
	if (!(*count & (*count - 1))) { /* it is full */
		grown = reallocarray(array, *count ? 2 * *count : 1, size);
		if (!grown)
			return -ENOMEM;
		memcpy(items, &grown, sizeof(grown));
		array = grown;
	}
	memcpy(array + *count * size, item, size);
	++*count;
	return 0;
}

static uint64_t id_of(const char *item)
{
	uint64_t id;

	memcpy(&id, item, sizeof(id));
	return id;
}

static int compare_ids(const void *left, const void *right)
{
	uint64_t a = id_of(left), b = id_of(right);

	return a < b ? -1 : a > b;
}

/* How many items have each value of each byte, and then where those of a value begin. Returns
 * the bits in which any two differ. */
static uint64_t find_places(const char *items, size_t count, size_t size,
			    size_t places[BYTES][256])
{
	const uint64_t first = id_of(items);
	uint64_t differ = 0;

	for (size_t i = 0; i < count; i++) {
		uint64_t id = id_of(items + i * size);

		differ |= id ^ first;
		for (size_t byte = 0; byte < BYTES; byte++, id >>= 8)
			places[byte][id & 255]++;
	}
	for (size_t byte = 0; byte < BYTES; byte++) {
		size_t place = 0;

		for (int value = 0; value < 256; value++) {
			size_t those = places[byte][value];

			places[byte][value] = place;
			place += those;
		}
	}
	return differ;
}

/* From the lowest byte to the highest, each time into the other array. */
void array_sort_by_id(void *items, size_t count, size_t size)
{
	size_t places[BYTES][256] = {};
	char *from = items, *to, *other = count > 1 ? reallocarray(NULL, count, size) : NULL;
	uint64_t differ;

	if (!other) {
		if (count > 1)
			qsort(items, count, size, compare_ids);
		return;
	}
	to = other;
	differ = find_places(items, count, size, places);
	for (size_t byte = 0; byte < BYTES; byte++) {
		if (!(differ >> 8 * byte & 255))
			continue;
		for (size_t i = 0; i < count; i++) {
			const char *item = from + i * size;
			size_t *place = &places[byte][id_of(item) >> 8 * byte & 255];

			memcpy(to + (*place)++ * size, item, size);
		}
		to = from;
		from = from == items ? other : items;
	}
	if (from != items)
		memcpy(items, from, count * size);
	free(other);
}
