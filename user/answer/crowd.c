// SPDX-License-Identifier: GPL-2.0-only
#include <netinet/in.h>
#include <string.h>

#include "user/answer/crowd.h"

void crowd_init(struct crowd *crowd)
{
	memset(crowd, 0, sizeof(*crowd));
	for (size_t i = ANSWERS_MAX; i--;) {
		crowd->places[i] = (struct connection){.fd = -1, .newer = crowd->free};
		crowd->free = &crowd->places[i];
	}
}

struct client client_of(const struct sockaddr_storage *address)
{
	struct client client = {};

	if (address->ss_family == AF_INET) {
		memcpy(client.id + 12, &((const struct sockaddr_in *)address)->sin_addr, 4);
	} else if (address->ss_family == AF_INET6) {
		const struct in6_addr *ip = &((const struct sockaddr_in6 *)address)->sin6_addr;

		if (IN6_IS_ADDR_V4MAPPED(ip))
			memcpy(client.id + 12, ip->s6_addr + 12, 4);
		else
			memcpy(client.id, ip, 8);
	}
	return client;
}

/* By looking through them: there are few, and this costs less than accept(). Returns the place
 * of the client, or one for it: as many as there are connections. */
static unsigned int find_client(const struct crowd *crowd, const struct client *client)
{
	unsigned int unused = crowd->clients_used;

	for (unsigned int i = 0; i < crowd->clients_used; i++) {
		if (!crowd->has[i])
			unused = i;
		else if (!memcmp(&crowd->clients[i], client, sizeof(*client)))
			return i;
	}
	return unused;
}

struct connection *crowd_add(struct crowd *crowd, int fd, const struct client *client,
			     __u64 now_ns)
{
	struct connection *connection = crowd->free;
	unsigned int place;

	if (!connection)
		return NULL;
	place = find_client(crowd, client);
	if (place == crowd->clients_used)
		crowd->clients_used++;
	crowd->clients[place] = *client;
	crowd->has[place]++;
	crowd->free = connection->newer;
	*connection = (struct connection){
		.fd = fd, .since_ns = now_ns, .client = place, .older = crowd->newest};
	if (crowd->newest)
		crowd->newest->newer = connection;
	else
		crowd->oldest = connection;
	crowd->newest = connection;
	crowd->looking = crowd->looking ?: connection;
	crowd->count++;
	return connection;
}

void crowd_remove(struct crowd *crowd, struct connection *connection)
{
	if (crowd->looking == connection)
		crowd->looking = connection->newer;
	if (connection->older)
		connection->older->newer = connection->newer;
	else
		crowd->oldest = connection->newer;
	if (connection->newer)
		connection->newer->older = connection->older;
	else
		crowd->newest = connection->older;
	crowd->has[connection->client]--;
	crowd->count--;
	*connection = (struct connection){.fd = -1, .newer = crowd->free};
	crowd->free = connection;
}

struct connection *crowd_makes_room(struct crowd *crowd, const struct client *newcomer)
{
	unsigned int own = find_client(crowd, newcomer), most = 0;
	struct connection *found = NULL;

	for (struct connection *c = crowd->oldest; c; c = c->newer) {
		unsigned int has = crowd->has[c->client] + (c->client == own);

		if (c->leaving)
			return c;
		if (has <= most)
			continue;
		most = has;
		found = c;
	}
	return found;
}
