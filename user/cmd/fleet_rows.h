/* SPDX-License-Identifier: GPL-2.0-only */
/* The users of a fleet: what its hosts printed of them, added up. */
#ifndef HEADCOUNT_CMD_FLEET_ROWS_H
#define HEADCOUNT_CMD_FLEET_ROWS_H

#include "user/cmd/fleet.h"

/* One user of one host, and then of all. */
struct fleet_row {
	const char *service, *user; /* hostile; of the objects that hosts printed */
	__u64 active, cap, opened, refused;
	__u32 hosts; /* on which it has sessions */
	bool capped;
	bool differs; /* the cap, by host */
};

struct fleet_rows {
	struct fleet_row *items;
	size_t count;
	struct json_object **read; /* what they point into */
	size_t read_count;
};

enum fleet_order { FLEET_BY_ACTIVE, FLEET_BY_REFUSED, FLEET_BY_OPENED, FLEET_ORDERS };

/* The most first. Returns 0 or -ENOMEM; free them in any case. */
int fleet_rows_take(struct fleet_rows *rows, const struct fleet_answers *answers,
		    enum fleet_order order, bool *whole);
void fleet_rows_sort(struct fleet_rows *rows, enum fleet_order order);
void fleet_rows_free(struct fleet_rows *rows);

#endif
