/* SPDX-License-Identifier: GPL-2.0-only */
/* Who holds the connections for metrics, and who makes room for a new one. */
#ifndef HEADCOUNT_METRICS_PEERS_H
#define HEADCOUNT_METRICS_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "user/config/config.h"

/* An IPv4 address, an IPv6 network of 64 bits, or the uid at a Unix socket. */
struct metrics_peer {
	__u8 id[16];
};

struct metrics_connection {
	struct metrics_peer peer;
	__u64 since_ns; /* when it came */
	int fd;         /* the library's, which closes it */
	bool ended;     /* by us; the library has not closed it yet */
};

/* Zeroed is empty. */
struct metrics_peers {
	struct metrics_connection items[CONFIG_METRICS_MAX_MAX];
	size_t count;
};

struct metrics_peer metrics_peer_of(int fd, const struct sockaddr *address);

/* There is room for it. */
void metrics_peers_add(struct metrics_peers *peers, int fd, const struct metrics_peer *peer,
		       __u64 now_ns);
void metrics_peers_remove(struct metrics_peers *peers, int fd);

/* Ends the connection that has been held longest, of the peer that has
 * the most, the newcomer counted. Was there one? */
bool metrics_peers_make_room(struct metrics_peers *peers, const struct metrics_peer *newcomer);

/* Ends those that came before. */
void metrics_peers_end_before(struct metrics_peers *peers, __u64 since_ns);

#endif
