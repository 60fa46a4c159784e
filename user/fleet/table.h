/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The users that a host holds units of, or asks for: as many as it was made for, in memory that
 * is taken as it is used (48 MB for a million). A user has an index as long as it is there.
 */
#ifndef HEADCOUNT_FLEET_TABLE_H
#define HEADCOUNT_FLEET_TABLE_H

#include <stdbool.h>
#include <linux/types.h>

#define FLEET_NONE 0xffffffffu /* no index */

/* Of a service and a user, the same on all hosts; as the store has it. */
struct fleet_key {
	__u8 bytes[16];
};

enum fleet_user_flags {
	FLEET_USER_THERE = 1 << 0,
	FLEET_USER_QUEUED = 1 << 1,
	FLEET_USER_TOLD = 1 << 2,    /* in the message that is under way */
	FLEET_USER_WAITING = 1 << 3, /* the store has it down as waiting for more */
	FLEET_USER_RETURN = 1 << 4,  /* what is idle is to be given back */
	FLEET_USER_CALLED =
		1 << 5,           /* ... for another host has asked: as soon as it gets idle */
	FLEET_USER_USED = 1 << 6, /* all units were in use some time */
	FLEET_USER_AWAITED = 1 << 7, /* is among fleet_host.awaited */
};

/* Times are in tenths of seconds of the host's clock. */
struct fleet_user {
	struct fleet_key key;
	__u32 next;  /* of the same queue, or the next that is free */
	__u32 units; /* that the host may use: the store has this many down, or more */
	__u32 need;  /* it asks for so many; 0: for none */
	__u32 cap;   /* of the whole fleet */
	__u32 since; /* that it asked last, or if it does not ask: that units are idle, 0: none
			are */
	__u32 asked; /* of the store's last answer that there are no more */
	__u32 flags;
};

struct fleet_table {
	struct fleet_user *users;
	__u32 *slots;    /* indexes + 1 at the places that the hash says, and after them */
	__u32 slot_mask; /* number of slots - 1 */
	__u32 max, used;
	__u32 high; /* all indexes in use are below */
	__u32 free; /* the first of a list by `next` */
	__u64 secret[2];
};

/* `secret` decides which keys collide. Returns 0 or -ENOMEM. */
int fleet_table_init(struct fleet_table *table, __u32 max, const __u64 secret[2]);
void fleet_table_free(struct fleet_table *table);

/* FLEET_NONE if it is not there. */
__u32 fleet_table_find(const struct fleet_table *table, const struct fleet_key *key);

/* Finds or makes it; FLEET_NONE if the table is full. */
__u32 fleet_table_add(struct fleet_table *table, const struct fleet_key *key);

void fleet_table_remove(struct fleet_table *table, __u32 index);

#endif
