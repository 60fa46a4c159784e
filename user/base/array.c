// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/array.h"

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
