// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "user/sessions/holders.h"

static int compare_holders(const void *left, const void *right)
{
	const struct hc_holder *a = left, *b = right;

	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	if (a->started_ns != b->started_ns)
		return a->started_ns > b->started_ns ? -1 : 1;
	return a->pid > b->pid ? -1 : a->pid < b->pid;
}

/* A process may have a socket under several numbers, and its threads tables of their own. */
static void sort(struct holders *holders)
{
	size_t kept = 0;

	if (holders->count)
		qsort(holders->rows, holders->count, sizeof(*holders->rows), compare_holders);
	for (size_t i = 0; i < holders->count; i++)
		if (!kept || compare_holders(&holders->rows[i], &holders->rows[kept - 1]))
			holders->rows[kept++] = holders->rows[i];
	holders->count = kept;
}

int holders_read(const struct headcount_bpf *object, struct holders *holders)
{
	bool loaded = bpf_program__autoload(object->progs.walk_files);
	struct walk_holders found = {};
	int error = loaded ? walk_holders(object, &found) : 0;

	*holders = (struct holders){.rows = found.rows, .count = found.count};
	if (error)
		return error;
	holders->known = loaded;
	sort(holders);
	return 0;
}

void holders_free(struct holders *holders)
{
	free(holders->rows);
	*holders = (struct holders){};
}

const struct hc_holder *holders_of(const struct holders *holders, __u64 id, size_t *count)
{
	size_t low = 0, high = holders->count, end;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (holders->rows[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	for (end = low; end < holders->count && holders->rows[end].id == id;)
		end++;
	*count = end - low;
	return *count ? &holders->rows[low] : NULL;
}
