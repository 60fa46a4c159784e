/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The connections that are being answered: in the order in which they came, and who has how
 * many. The thread's own. Nothing here reads or writes a socket.
 */
#ifndef HEADCOUNT_ANSWER_CROWD_H
#define HEADCOUNT_ANSWER_CROWD_H

#include <sys/socket.h>

#include "user/answer/limits.h"
#include "user/answer/say.h"

/* What HC_ANSWER_FILE says, shared by listeners and connections, which all hold it. */
struct answer_text {
	unsigned int holders;
	size_t size;
	char bytes[];
};

struct connection {
	int fd; /* or -1: not in use */
	struct talk talk;
	struct answer_text *text; /* or NULL */
	__u64 since_ns;
	size_t read;  /* bytes, needed or not */
	bool leaving; /* the answer is sent; it may close now */
	bool ended;   /* has said all it will say */
	unsigned int client;
	struct connection *older, *newer;
};

/* An IPv4 address, or an IPv6 network of 64 bits. */
struct client {
	__u8 id[16];
};

struct crowd {
	struct connection places[ANSWERS_MAX];
	struct connection *free; /* linked by `newer` */
	struct connection *oldest, *newest;
	/* The oldest that is waited for to begin with TLS: of all before it that is over. */
	struct connection *looking;
	unsigned int count;
	struct client clients[ANSWERS_MAX];
	unsigned int has[ANSWERS_MAX]; /* connections of each; 0: not in use */
	unsigned int clients_used;     /* no place from here on was ever in use */
};

void crowd_init(struct crowd *crowd);

struct client client_of(const struct sockaddr_storage *address);

/* A place for a newcomer, at the end of the line; NULL if there is none. */
struct connection *crowd_add(struct crowd *crowd, int fd, const struct client *client,
			     __u64 now_ns);
void crowd_remove(struct crowd *crowd, struct connection *connection);

/* Who is to make room for a newcomer: whoever has been answered first; else the oldest of
 * the client that has the most, the newcomer counted. So a flood takes places from itself, and
 * everybody else is answered. NULL if there is nobody. */
struct connection *crowd_makes_room(struct crowd *crowd, const struct client *newcomer);

#endif
