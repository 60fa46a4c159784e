// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/fleet/peers.h"

int fleet_peers_init(struct fleet_peers *peers)
{
	*peers = (struct fleet_peers){.seen = calloc(FLEET_PEERS, sizeof(*peers->seen))};
	return peers->seen ? 0 : -ENOMEM;
}

void fleet_peers_free(struct fleet_peers *peers)
{
	free(peers->seen);
	*peers = (struct fleet_peers){};
}

static int by_id(const void *a, const void *b)
{
	const struct fleet_seen *x = a, *y = b;

	return (x->peer.id > y->peer.id) - (x->peer.id < y->peer.id);
}

void fleet_peers_look(struct fleet_peers *peers, const struct fleet_peer *shown, size_t count,
		      __u64 asked, __u64 now, __u64 patience)
{
	struct fleet_seen fresh[FLEET_PEERS] = {};

	for (size_t i = 0; i < count; i++) {
		struct fleet_seen *seen = &fresh[i], *before;

		*seen = (struct fleet_seen){.peer = shown[i], .since = now};
		before = peers->count ? bsearch(seen, peers->seen, peers->count, sizeof(*seen),
						by_id)
				      : NULL;
		if (!before || before->peer.n != seen->peer.n)
			continue;
		seen->since = before->since;
		seen->gone = asked > seen->since && asked - seen->since >= patience;
	}
	qsort(fresh, count, sizeof(fresh[0]), by_id);
	memcpy(peers->seen, fresh, count * sizeof(fresh[0]));
	peers->count = count;
}
