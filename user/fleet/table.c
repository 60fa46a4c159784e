// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "siphash.h"
#include "user/fleet/table.h"

int fleet_table_init(struct fleet_table *table, __u32 max, const __u64 secret[2])
{
	size_t slots = 4;

	while (slots < max + max / 2ull)
		slots *= 2;
	*table = (struct fleet_table){
		.users = calloc(max, sizeof(*table->users)),
		.slots = calloc(slots, sizeof(*table->slots)),
		.slot_mask = slots - 1,
		.max = max,
		.free = FLEET_NONE,
		.secret = {secret[0], secret[1]},
	};
	if (table->users && table->slots)
		return 0;
	fleet_table_free(table);
	return -ENOMEM;
}

void fleet_table_free(struct fleet_table *table)
{
	free(table->users);
	free(table->slots);
	*table = (struct fleet_table){};
}

static __u32 home(const struct fleet_table *table, const struct fleet_key *key)
{
	__u64 words[2], hash[2];

	memcpy(words, key, sizeof(words));
	siphash128(hash, table->secret, words, 2);
	return hash[0] & table->slot_mask;
}

/* The slot of the key, or the empty one where it would be. */
static __u32 seek(const struct fleet_table *table, const struct fleet_key *key)
{
	__u32 slot = home(table, key);

	while (table->slots[slot] &&
	       memcmp(&table->users[table->slots[slot] - 1].key, key, sizeof(*key)))
		slot = (slot + 1) & table->slot_mask;
	return slot;
}

__u32 fleet_table_find(const struct fleet_table *table, const struct fleet_key *key)
{
	return table->slots[seek(table, key)] - 1; /* 0 - 1 is FLEET_NONE */
}

__u32 fleet_table_add(struct fleet_table *table, const struct fleet_key *key)
{
	__u32 slot = seek(table, key), index = table->slots[slot] - 1;

	if (index != FLEET_NONE)
		return index;
	if (table->free != FLEET_NONE) {
		index = table->free;
		table->free = table->users[index].next;
	} else if (table->high < table->max) {
		index = table->high++;
	} else {
		return FLEET_NONE;
	}
	table->users[index] = (struct fleet_user){
		.key = *key,
		.next = FLEET_NONE,
		.flags = FLEET_USER_THERE,
	};
	table->slots[slot] = index + 1;
	table->used++;
	return index;
}

/* What follows moves up to where it is found without the one that goes. */
static void close_gap(struct fleet_table *table, __u32 gap)
{
	__u32 slot = gap, index;

	for (;;) {
		slot = (slot + 1) & table->slot_mask;
		index = table->slots[slot];
		if (!index)
			break;
		__u32 from = home(table, &table->users[index - 1].key);

		/* It may not be before its home. */
		if (((slot - from) & table->slot_mask) < ((slot - gap) & table->slot_mask))
			continue;
		table->slots[gap] = index;
		gap = slot;
	}
	table->slots[gap] = 0;
}

void fleet_table_remove(struct fleet_table *table, __u32 index)
{
	struct fleet_user *user = &table->users[index];

	close_gap(table, seek(table, &user->key));
	*user = (struct fleet_user){.next = table->free};
	table->free = index;
	table->used--;
}
