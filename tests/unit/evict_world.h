/* SPDX-License-Identifier: GPL-2.0-only */
/* A world of a few sockets and one evictor, for the tests of user/evict. */
#ifndef HEADCOUNT_EVICT_WORLD_H
#define HEADCOUNT_EVICT_WORLD_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "user/base/ticks.h"
#include "user/evict/serve.h"
#include "user/sessions/stale.h"

#define SECOND  1000000000ull
#define SOCKETS 64

/* A world of a few sockets. */
static struct {
	struct hc_socket sockets[SOCKETS];
	size_t count;
	__u64 closed[SOCKETS]; /* the ids, in their order, */
	__u16 for_port[SOCKETS];
	size_t closings; /* and how many */
	__u64 refuses;   /* closing this one fails, */
	__u64 ended;     /* and this one has ended by itself */
	__u64 barren_until;
	__u16 sent_off; /* the port of who was, last */
	int refusals, look_error;
	__u64 now;
	struct evict_user known;
	bool unknown;
} world;
static struct evict evict;
static struct evict_pleas pleas;

static const struct hc_user_key alice = {.service = 2, .prefix = 128, .word = {1, 2}};
static const struct hc_user_key bob = {.service = 2, .prefix = 128, .word = {1, 3}};

static bool know(void *context, const struct hc_user_key *user, struct evict_user *known)
{
	(void)context, (void)user;
	*known = world.known;
	return !world.unknown;
}

static inline int look(void *context, const struct evict_pleas *asked,
		       const struct hc_socket **sockets, size_t *count)
{
	(void)context, (void)asked;
	*sockets = world.sockets;
	*count = world.count;
	return world.look_error;
}

/* A socket that is closed is not there any more at the next look. */
static inline int close_it(void *context, const struct evict_choice *choice,
			   const struct evict_newcomer *newcomer)
{
	struct hc_socket *socket = (struct hc_socket *)choice->socket;

	(void)context;
	if (socket->id == world.refuses)
		return -EPERM;
	if (socket->id == world.ended)
		return 0;
	world.now += SECOND / 1000;
	world.closed[world.closings] = socket->id;
	world.for_port[world.closings++] = newcomer->ends.remote_port;
	socket->tracked = false;
	return 1;
}

static inline void refuse(void *context, const struct hc_user_key *user, __u64 until_ns)
{
	(void)context, (void)user;
	world.barren_until = until_ns;
	world.refusals++;
}

static inline void send_off(void *context, const struct hc_user_key *user,
			    const struct hc_ends *ends)
{
	(void)context, (void)user;
	world.sent_off = ends->remote_port;
}

static inline __u64 now_ns(void *context)
{
	(void)context;
	return world.now;
}

static const struct evict_world ways = {NULL, know, look, close_it, refuse, send_off, now_ns};

static inline int set_up(void **state)
{
	(void)state;
	memset(&world, 0, sizeof(world));
	memset(&evict, 0, sizeof(evict));
	memset(&pleas, 0, sizeof(pleas));
	world.now = 10000 * SECOND;
	world.known = (struct evict_user){.terms.idle_ms = 60000, .rate = 10};
	return 0;
}

/* A session that has been idle, and unheard, for so long. */
static inline struct hc_socket *add(const struct hc_user_key *user, __u32 idle_s)
{
	struct hc_socket *socket = &world.sockets[world.count++];

	*socket = (struct hc_socket){
		.id = 100 + world.count,
		.state = TCP_ESTABLISHED,
		.tracked = true,
		.idle = {ticks_of_ms(idle_s * 1000ull), HC_NEVER},
		.peer.heard_ticks = ticks_of_ms(idle_s * 1000ull),
		.session = {.user = *user, .ends.remote_port = 1000 + world.count},
	};
	return socket;
}

static inline struct hc_socket *add_dead(const struct hc_user_key *user, __u32 idle_s)
{
	struct hc_socket *socket = add(user, idle_s);

	socket->peer.unanswered = STALE_UNANSWERED;
	return socket;
}

static inline void hear(const struct hc_user_key *user, __u16 port)
{
	struct hc_ends ends = {.local_port = 143, .remote_port = port};

	assert_true(evict_hear(&pleas, user, &ends, world.now));
}

static inline void serve(void)
{
	evict_serve(&evict, &pleas, &ways);
}

static inline void expect(size_t count, const __u64 *ids)
{
	assert_int_equal(world.closings, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(world.closed[i], ids[i]);
}
#define EXPECT(...)                                                                            \
	expect(sizeof((__u64[]){__VA_ARGS__}) / sizeof(__u64), (__u64[]){__VA_ARGS__})

#endif
