// SPDX-License-Identifier: GPL-2.0-only
#include <netinet/in.h>
#include <string.h>

#include "user/metrics/peers.h"

struct metrics_peer metrics_peer_of(int fd, const struct sockaddr *address)
{
	struct metrics_peer peer = {};
	struct ucred user = {};
	socklen_t size = sizeof(user);

	if (address->sa_family == AF_INET) {
		memcpy(peer.id + 12, &((const struct sockaddr_in *)address)->sin_addr, 4);
	} else if (address->sa_family == AF_INET6) {
		const struct in6_addr *ip = &((const struct sockaddr_in6 *)address)->sin6_addr;

		memcpy(peer.id, ip, IN6_IS_ADDR_V4MAPPED(ip) ? 16 : 8);
	} else {
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &user, &size);
		memcpy(peer.id, &user.uid, sizeof(user.uid));
	}
	return peer;
}

void metrics_peers_add(struct metrics_peers *peers, int fd, const struct metrics_peer *peer,
		       __u64 now_ns)
{
	peers->items[peers->count++] =
		(struct metrics_connection){.peer = *peer, .since_ns = now_ns, .fd = fd};
}

void metrics_peers_remove(struct metrics_peers *peers, int fd)
{
	for (size_t i = 0; i < peers->count; i++) {
		if (peers->items[i].fd != fd)
			continue;
		peers->items[i] = peers->items[--peers->count];
		return;
	}
}

static size_t count_of(const struct metrics_peers *peers, const struct metrics_peer *peer)
{
	size_t count = 0;

	for (size_t i = 0; i < peers->count; i++)
		count += !peers->items[i].ended &&
			 !memcmp(&peers->items[i].peer, peer, sizeof(*peer));
	return count;
}

/* The library finds its end, and closes it. */
static void end_connection(struct metrics_connection *connection)
{
	connection->ended = true;
	shutdown(connection->fd, SHUT_RDWR);
}

bool metrics_peers_make_room(struct metrics_peers *peers, const struct metrics_peer *newcomer)
{
	struct metrics_connection *oldest = NULL;
	size_t most = 0;

	for (size_t i = 0; i < peers->count; i++) {
		struct metrics_connection *item = &peers->items[i];
		size_t count;

		if (item->ended)
			continue;
		count = count_of(peers, &item->peer) +
			!memcmp(&item->peer, newcomer, sizeof(*newcomer));
		if (oldest &&
		    (count < most || (count == most && item->since_ns >= oldest->since_ns)))
			continue;
		most = count;
		oldest = item;
	}
	if (oldest)
		end_connection(oldest);
	return oldest;
}

void metrics_peers_end_before(struct metrics_peers *peers, __u64 since_ns)
{
	for (size_t i = 0; i < peers->count; i++)
		if (!peers->items[i].ended && peers->items[i].since_ns < since_ns)
			end_connection(&peers->items[i]);
}
