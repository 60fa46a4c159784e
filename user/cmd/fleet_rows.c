// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "user/base/array.h"
#include "user/cmd/fleet_rows.h"

static int by_user(const void *a, const void *b)
{
	const struct fleet_row *one = a, *other = b;

	return strcmp(one->service, other->service) ?: strcmp(one->user, other->user);
}

static int by_most(__u64 one, __u64 other, const void *a, const void *b)
{
	if (one != other)
		return one > other ? -1 : 1;
	return by_user(a, b);
}

static int by_active(const void *a, const void *b)
{
	return by_most(((const struct fleet_row *)a)->active,
		       ((const struct fleet_row *)b)->active, a, b);
}

static int by_refused(const void *a, const void *b)
{
	return by_most(((const struct fleet_row *)a)->refused,
		       ((const struct fleet_row *)b)->refused, a, b);
}

static int by_opened(const void *a, const void *b)
{
	return by_most(((const struct fleet_row *)a)->opened,
		       ((const struct fleet_row *)b)->opened, a, b);
}

static int add_row(struct fleet_rows *rows, struct json_object *object)
{
	struct fleet_row row = {.service = fleet_text(object, "service"),
				.user = fleet_text(object, "user")};

	if (!row.service || !row.user || !fleet_number(object, "active", &row.active) ||
	    !fleet_number(object, "opened", &row.opened) ||
	    !fleet_number(object, "refused", &row.refused))
		return 0;
	row.hosts = row.active > 0;
	row.capped = fleet_number(object, "cap", &row.cap);
	return array_append(&rows->items, &rows->count, &row, sizeof(row));
}

static int add_host(struct fleet_rows *rows, const struct fleet_told *told, bool *whole)
{
	struct json_object *object = fleet_parse(told, json_type_array, whole);
	int error;

	if (!object)
		return 0;
	error = array_append(&rows->read, &rows->read_count, &object, sizeof(object));
	if (error) {
		json_object_put(object);
		return error;
	}
	for (size_t i = 0; i < json_object_array_length(object) && !error; i++)
		error = add_row(rows, json_object_array_get_idx(object, i));
	return error;
}

/* Neighbours of the same user become one. */
static void add_up(struct fleet_rows *rows)
{
	size_t kept = 0;

	if (rows->count)
		qsort(rows->items, rows->count, sizeof(*rows->items), by_user);
	for (size_t i = 0; i < rows->count; i++) {
		struct fleet_row *sum = &rows->items[kept], *row = &rows->items[i];

		if (!kept || by_user(--sum, row)) {
			rows->items[kept++] = *row;
			continue;
		}
		sum->active += row->active;
		sum->opened += row->opened;
		sum->refused += row->refused;
		sum->hosts += row->hosts;
		sum->differs |= sum->capped != row->capped || sum->cap != row->cap;
	}
	rows->count = kept;
}

void fleet_rows_sort(struct fleet_rows *rows, enum fleet_order order)
{
	static int (*const orders[])(const void *a, const void *b) = {
		[FLEET_BY_ACTIVE] = by_active,
		[FLEET_BY_REFUSED] = by_refused,
		[FLEET_BY_OPENED] = by_opened,
	};

	if (rows->count)
		qsort(rows->items, rows->count, sizeof(*rows->items), orders[order]);
}

int fleet_rows_take(struct fleet_rows *rows, const struct fleet_answers *answers,
		    enum fleet_order order, bool *whole)
{
	int error = 0;

	for (size_t i = 0; i < answers->count && !error; i++)
		error = add_host(rows, &answers->hosts[i], whole);
	add_up(rows);
	fleet_rows_sort(rows, order);
	return error;
}

void fleet_rows_free(struct fleet_rows *rows)
{
	for (size_t i = 0; i < rows->read_count; i++)
		json_object_put(rows->read[i]);
	free(rows->read);
	free(rows->items);
	*rows = (struct fleet_rows){};
}
