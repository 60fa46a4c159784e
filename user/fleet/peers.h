/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The other members, as a witness sees them: since when the number of a member's last message
 * has not changed, by this host's clock. The store's clock is asked for nothing.
 */
#ifndef HEADCOUNT_FLEET_PEERS_H
#define HEADCOUNT_FLEET_PEERS_H

#include "user/fleet/message.h"

struct fleet_seen {
	struct fleet_peer peer;
	__u64 since; /* it was seen first with this number */
	bool gone;   /* it is to be expelled, if the store still has it with this number */
};

struct fleet_peers {
	struct fleet_seen *seen; /* FLEET_PEERS of them, by id */
	size_t count;
};

int fleet_peers_init(struct fleet_peers *peers);
void fleet_peers_free(struct fleet_peers *peers);

/* What a look has shown, which was asked for at `asked` and came at `now`. Who has not sent a
 * message for `patience` from when it was seen to when the look was asked for, is gone. */
void fleet_peers_look(struct fleet_peers *peers, const struct fleet_peer *shown, size_t count,
		      __u64 asked, __u64 now, __u64 patience);

#endif
