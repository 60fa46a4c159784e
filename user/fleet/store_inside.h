/* SPDX-License-Identifier: GPL-2.0-only */
/* For the files of the store's client alone: store.h has what it promises. */
#ifndef HEADCOUNT_FLEET_STORE_INSIDE_H
#define HEADCOUNT_FLEET_STORE_INSIDE_H

#include "user/fleet/host.h"
#include "user/fleet/store_link.h"
#include "user/fleet/store_state.h"

#define STORE_SHA 40 /* letters of a script's name */

/* Replies that are still to come on the main connection, in this order. */
enum store_expect {
	STORE_EXPECT_AUTH,
	STORE_EXPECT_PRIMARY,  /* of a Sentinel: where it is */
	STORE_EXPECT_REPLICAS, /* of a Sentinel: of whom it knows */
	STORE_EXPECT_ROLE,
	STORE_EXPECT_EXCHANGE_SHA,
	STORE_EXPECT_CONFIRM_SHA,
	STORE_EXPECT_ANSWER,
	STORE_EXPECT_WAIT,
	STORE_EXPECT_CONFIRM,
};

enum store_step {
	STORE_STEP_PAUSE,
	STORE_STEP_NEXT,     /* the next place is to be asked */
	STORE_STEP_SENTINEL, /* a Sentinel is being asked */
	STORE_STEP_NAMED,    /* it has said where the primary is */
	STORE_STEP_SERVER,   /* a server is being asked */
	STORE_STEP_FOUND,
};

struct store {
	struct store_address address;
	struct fleet_host *host;
	SSL_CTX *tls;
	__u32 servers;
	bool servers_given;
	char sentinel_user[STORE_SECRET_MAX], sentinel_password[STORE_SECRET_MAX];
	char members[STORE_HOST_MAX], units[STORE_HOST_MAX], calls[STORE_HOST_MAX]; /* keys */

	/* Names of places that are asked for, and that of `named`. */
	struct store_name *names[STORE_PLACES_MAX + 1];

	/* The main connection: to who is asked for the primary, and then to it. */
	struct store_link main;
	enum store_expect expects[8];
	size_t expect_count;
	__u64 asked; /* the replies that are to come are waited for since then */
	enum store_step step;
	struct store_place named; /* by a Sentinel */
	unsigned int turn;        /* number of the place that is asked, on and on */
	size_t tried;             /* places in this round */
	__u64 pause, resume;      /* ns, and until when */
	bool proven;              /* this primary has given an answer that counts */
	char exchange[STORE_SHA + 1], confirm[STORE_SHA + 1];

	/* A message that is under way. */
	bool unloaded;             /* the scripts were not there */
	struct store_reply *reply; /* of exchange.lua, while others are waited for */
	struct fleet_word answer[FLEET_FIXED + 2 * FLEET_PEERS];
	size_t answer_count;
	__u32 acks;

	/* The other connection, to the same primary. */
	struct store_link hearing;
	__u64 heard; /* when something came, or it was begun */
	__u64 hear_pause, hear_resume;
	__u64 hears_id; /* of the host whose calls it is for */
	bool asked_alive, hears, authenticates;

	struct store_state state;
};

/* A text that is ended by a zero. */
struct fleet_word store_word(const char *text);

/* AUTH, if there is anything to say. 1: its reply is to come; 0: none is; or an error. */
int store_authenticate(struct store_link *link, const char *user, const char *password);

/* Sends a command whose reply is to be what is expected. */
int store_ask(struct store *store, const struct fleet_word *words, size_t count,
	      enum store_expect expect);

/* Why the main connection ends: what the server's error says after `what`, or that its reply is
 * none to that. Returns -EPROTO. */
int store_refuse(struct store_link *link, const char *what, const struct store_reply *reply);

/* How long to pause now; the next is twice as long. */
__u64 store_pause(__u64 *pause);

/* store_find.c: the way to a primary. */
__u64 store_patience(const struct store *store);
int store_load_scripts(struct store *store);
int store_find_begin(struct store *store, __u64 now); /* what STORE_STEP_NEXT or _NAMED says */
int store_find_reply(struct store *store, enum store_expect expect,
		     const struct store_reply *reply);

/* store_talk.c: messages and answers. `-EAGAIN`: it is no primary that counts. */
int store_talk_send(struct store *store, __u64 now);
int store_talk_reply(struct store *store, enum store_expect expect,
		     const struct store_reply *reply, __u64 now);

/* store_hear.c: the other connection. */
void store_hear_close(struct store *store);
void store_hear_work(struct store *store, bool ready, __u64 now);
void store_hear_until(const struct store *store, __u64 *until);

#endif
