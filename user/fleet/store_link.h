/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One connection to a server of a store: commands out, replies in, with TLS or without. It
 * never waits. Whoever has it says when it takes too long.
 */
#ifndef HEADCOUNT_FLEET_STORE_LINK_H
#define HEADCOUNT_FLEET_STORE_LINK_H

#include <sys/socket.h>

#include "user/config/store_address.h"
#include "user/fleet/store_name.h"
#include "user/fleet/store_reply.h"
#include "user/fleet/store_tls.h"

#define STORE_WORDS_MAX (FLEET_WORDS + 8) /* of a command */

enum store_link_stage {
	STORE_LINK_CLOSED,
	STORE_LINK_NAMES, /* the name's addresses are asked for */
	STORE_LINK_CONNECTS,
	STORE_LINK_SHAKES,
	STORE_LINK_OPEN
};

struct store_link {
	enum store_link_stage stage;
	int fd;
	SSL_CTX *context; /* NULL: without TLS */
	SSL *tls;
	bool read_waits_to_write, write_waits_to_read; /* of TLS */
	bool eager; /* more may have come than poll() knows of */
	struct store_place place;
	struct store_name **name;   /* STORE_LINK_NAMES: whose it is, and which of its */
	unsigned int number;        /* addresses is wanted */
	int addresses;              /* that a name of its had, at most */
	int names_most;             /* as store_name_ask() takes it */
	struct sockaddr_storage to; /* what that was resolved to */
	socklen_t to_size;
	struct store_reader reader;
	char *out; /* commands that are to be sent: from `sent` on */
	size_t out_size, out_used, out_sent;
	char why[200]; /* the last error, without the server's name */
};

/* Returns 0 or -ENOMEM. */
int store_link_init(struct store_link *link);
void store_link_free(struct store_link *link); /* closes it */

/* Begins to connect; commands may be given at once. `context`: NULL without TLS. If the name
 * has several addresses it is the one of this number, modulo their count. What is asked for
 * them is in `*name`, which is the caller's to drop and outlives the connection, so that an
 * answer which comes too late for this one is there for the next to the same place. Returns 0
 * or a negative errno with `why`, as all that follow. */
int store_link_open(struct store_link *link, const struct store_place *place, SSL_CTX *context,
		    unsigned int number, struct store_name **name);
/* To the very address that the other one has, whatever its name means now. */
int store_link_open_beside(struct store_link *link, const struct store_link *other);
/* What was to be sent and what came is forgotten. */
void store_link_close(struct store_link *link);

/* A command, at most STORE_WORDS_MAX words; it is sent as the socket takes it. */
int store_link_send(struct store_link *link, const struct fleet_word *words, size_t count);

/* What poll() is to wait for. */
short store_link_events(const struct store_link *link);

/* Writes what the socket takes now, if it is connected. */
int store_link_flush(struct store_link *link);

/* Connects, writes and reads as far as that goes now. */
int store_link_work(struct store_link *link);

/* As store_reader_next(). */
int store_link_next(struct store_link *link, const struct store_reply **reply);

#endif
