/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What goes to the store and what comes from it: the arguments and the answer of exchange.lua.
 * Whatever sent the answer may be hostile: what is parsed is within the bounds stated here, and
 * nothing else is known of it.
 */
#ifndef HEADCOUNT_FLEET_MESSAGE_H
#define HEADCOUNT_FLEET_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#include "user/fleet/table.h"

#ifndef FLEET_ITEMS
#define FLEET_ITEMS 256 /* users in a message */
#endif
#define FLEET_EXPELS    16 /* members to be expelled in one */
#define FLEET_PEERS     1024
#define FLEET_CALLS     128
#define FLEET_EPOCH_MAX 128 /* bytes, with the zero at the end */
#define FLEET_TAG_MAX   16
#define FLEET_DIGITS    15 /* of an epoch's number */
#define FLEET_ID_LENGTH 16 /* letters of an id */
#define FLEET_FIXED     7  /* arguments before those that may be many */
#define FLEET_WORDS     (FLEET_FIXED + 2 * FLEET_EXPELS + 2 * FLEET_ITEMS)

struct fleet_word {
	const char *text; /* not ended by a zero */
	size_t length;
};

/* The arguments of exchange.lua after its keys. They are in `text`. */
struct fleet_message {
	struct fleet_word words[FLEET_WORDS];
	size_t count;
	size_t used;
	char text[256 + 40 * FLEET_EXPELS + 64 * FLEET_ITEMS];
};

struct fleet_peer {
	__u64 id;
	__u64 n; /* of its last message */
};

enum fleet_status {
	FLEET_OK,
	FLEET_JOINED, /* a new member: nothing else of the message holds */
	FLEET_STALE,  /* a message of this id with a higher number has been there */
	FLEET_LEFT,
	FLEET_LEASE, /* the others' leases are longer or shorter */
};

struct fleet_call {
	struct fleet_key key;
	bool more; /* there may be more of what this host asks for; else others ask for what is
		      idle */
};

struct fleet_answer {
	enum fleet_status status;
	bool ready; /* the epoch grants */
	__u64 n;    /* of the message that it answers */
	char epoch[FLEET_EPOCH_MAX];
	char tag[FLEET_TAG_MAX];
	__u32 units[FLEET_ITEMS]; /* that are down for each user of the message */
	size_t unit_count;
	struct fleet_call calls[FLEET_CALLS];
	size_t call_count;
	struct fleet_peer peers[FLEET_PEERS]; /* all members, if it was asked for them */
	size_t peer_count;
};

void fleet_message_begin(struct fleet_message *message);
void fleet_message_number(struct fleet_message *message, __u64 number);
void fleet_message_id(struct fleet_message *message, __u64 id);
void fleet_message_text(struct fleet_message *message, const void *text, size_t length);

/* A user's: what there is of it, what it must have, what it would like to have. */
void fleet_message_item(struct fleet_message *message, const struct fleet_key *key, __u32 cap,
			__u32 have, __u32 need, __u32 want);

/* Returns 0, or -EPROTO: then of `answer` nothing holds. */
int fleet_answer_parse(const struct fleet_word *words, size_t count,
		       struct fleet_answer *answer);

#endif
