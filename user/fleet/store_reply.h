/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a server says, by hiredis' parser: a reply as its parts one after the other, a list
 * before what is in it. Bounded, whatever comes; no memory is taken but at the start and for
 * the bytes of one part that has not come whole.
 */
#ifndef HEADCOUNT_FLEET_STORE_REPLY_H
#define HEADCOUNT_FLEET_STORE_REPLY_H

#include "user/fleet/message.h"

#define STORE_REPLY_PARTS 4096
#define STORE_REPLY_TEXT  (128 * 1024)
#define STORE_REPLY_PART  (128 * 1024) /* bytes of one that has not come whole */

enum store_part_kind {
	STORE_TEXT,
	STORE_STATUS,
	STORE_ERROR,
	STORE_NUMBER,
	STORE_NIL,
	STORE_LIST,
};

struct store_part {
	enum store_part_kind kind;
	long long number;       /* itself; of a list, how many are in it */
	struct fleet_word word; /* text, status or error */
};

struct store_reply {
	size_t count, used; /* of parts, of text */
	struct store_part parts[STORE_REPLY_PARTS];
	char text[STORE_REPLY_TEXT];
};

struct store_reader {
	struct redisReader *reader;
	struct store_reply *reply; /* that is being read, or was last */
};

/* Returns 0 or -ENOMEM. */
int store_reader_open(struct store_reader *reader);
void store_reader_close(struct store_reader *reader);

/* Forgets what came: a new connection. Returns 0 or -ENOMEM. */
int store_reader_again(struct store_reader *reader);

/* Bytes that came. Returns 0 or -ENOMEM. */
int store_reader_feed(struct store_reader *reader, const char *bytes, size_t size);

/* 1: `*reply` is the next one, until the next call; 0: it has not come whole; -EPROTO: what
 * comes is no reply, or too large. */
int store_reader_next(struct store_reader *reader, const struct store_reply **reply);

/* The reply that came last stays in `*spare`; the next ones are read into what was there. */
void store_reader_keep(struct store_reader *reader, struct store_reply **spare);

/* It is a text, a status or an error of this beginning. */
bool store_part_is(const struct store_part *part, enum store_part_kind kind, const char *text);
bool store_part_begins(const struct store_part *part, enum store_part_kind kind,
		       const char *text);

#endif
