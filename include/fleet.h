/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One cap for many hosts: what the kernel part and the daemon tell each other. Layout and units
 * are as in record.h; but deadlines are of CLOCK_BOOTTIME, which goes on while a host sleeps.
 *
 * The kernel part admits a user of a service with `fleet` while its slots are fewer than its
 * units (struct hc_user), and the lease of its shard has not passed. Who lacks a unit asks.
 */
#ifndef HEADCOUNT_FLEET_H
#define HEADCOUNT_FLEET_H

#include "record.h"
#include "user_table.h"

/* The value of the map `fleet`, whose one entry the daemon maps into its memory and alone
 * writes. All zero, as it is at first: no lease is live. */
struct hc_fleet {
	__u64 deadline[HC_SHARDS_MAX]; /* ns of CLOCK_BOOTTIME; 0: it has passed */
	/* The same clock. Until then the store of the shard is known to answer, and to grant:
	 * some more than a second after what it has answered last was sent. After that nobody
	 * is let in without a unit, whatever `cold` says: nobody may be there to close him. */
	__u64 answers[HC_SHARDS_MAX];
	__u32 members; /* of the fleet, last seen: for HC_ALONE_LOCAL; 0 counts as 1 */
	__u32 shards;  /* how many there are; 0: nobody has said */
};

/*
 * A record of the ring `asks`, for the daemon: an attempt finds no unit. It comes again with
 * each SYN that the client sends again, and each time that a label is tried. Full: a loss
 * (HC_LOSS_ASKS_FULL).
 *
 * With an `id` it is of a session that was admitted without a unit (HC_COLD_ADMIT), and that
 * still has none as its handshake ends: to be closed, by id and ends, if the store has none.
 */
struct hc_ask {
	struct hc_user_key user;
	struct hc_label label; /* the user's; all zero: it is not by label */
	struct hc_ends ends;
	__u64 id;      /* socket cookie; 0: an attempt to connect, or to give a label */
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__u32 cap;     /* of the fleet */
	__u32 need;    /* units: what is taken, and one for an attempt */
	__u32 again;   /* the attempt has asked before */
	__u32 spare;
};

/* The most slots that a user of the fleet may take on a host whose lease is not live. */
static inline __u32 hc_fleet_alone(__u32 cap, __u32 members, const struct hc_service *service)
{
	__u32 most = service->cap_alone ?: cap / (members ?: 1) ?: 1;

	if (service->alone == HC_ALONE_REFUSE || service->alone == HC_ALONE_CLOSE)
		return 0;
	return service->alone == HC_ALONE_LOCAL && most < cap ? most : cap;
}

/* For user space: the most slots that the user may take at `now` (CLOCK_BOOTTIME, ns), whether
 * it is of the fleet or not. */
static inline __u32 hc_user_limit(const struct hc_user *user, const struct hc_service *service,
				  const struct hc_fleet *fleet, __u64 now)
{
	_Bool live = 0;

	if (!(user->traits & HC_OF_FLEET))
		return user->cap;
	for (__u32 i = 0; i < HC_SHARDS_MAX; i++)
		live |= now < fleet->deadline[i] && (!user->shard || user->shard == i + 1);
	if (!live)
		return hc_fleet_alone(user->cap, fleet->members, service);
	return user->units < user->cap ? user->units : user->cap;
}

HC_STATIC_ASSERT(sizeof(struct hc_fleet) == 264);
HC_STATIC_ASSERT(sizeof(struct hc_ask) == 160);

#endif
