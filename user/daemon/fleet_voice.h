/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * This host's voice in the fleet: two connections to the store of a shard, on which it hears
 * that something is asked (user/fleet/ask.h), takes it, and says what it answers. Of one
 * thread, which waits for the store. What returns a negative errno has found that a connection
 * is of no use any more: close and open again.
 */
#ifndef HEADCOUNT_FLEET_VOICE_H
#define HEADCOUNT_FLEET_VOICE_H

#include "user/fleet/ask.h"
#include "user/fleet/line.h"

struct fleet_voice {
	struct config_fleet fleet;  /* a copy, whose texts are its own */
	struct store_address store; /* the shard's */
	const atomic_bool *stop;    /* ends the waiting for a store */
	struct line *talk, *hear;   /* NULL: closed */
	struct line_names names;    /* that the next try needs */
	bool refused;               /* it has no right to something, which was said */
	__u64 alive;                /* when it was last said that this host is there */
	__u64 heard;                /* when the store last said anything to `hear` */
	char element[HOST_NAME_ROOM + 3 + ASK_PIECE]; /* of an answer */
};

/* `number`: of the store. Returns 0 or -ENOMEM; free it in any case. Opens nothing. */
int fleet_voice_init(struct fleet_voice *voice, const struct config_fleet *fleet, size_t number,
		     const atomic_bool *stop);
void fleet_voice_free(struct fleet_voice *voice);

int fleet_voice_open(struct fleet_voice *voice);

/* With `leaves` the fleet is told that this host does not answer any more. */
void fleet_voice_close(struct fleet_voice *voice, bool leaves);

/* 1: a request of this id waits to be taken; 0: nothing has come. */
int fleet_voice_hear(struct fleet_voice *voice, char id[ASK_ID + 1]);

/* Takes it, and who asked knows that at the same instant. 1: `request` is what is asked; 0:
 * nobody waits for it any more, or it is none, which was answered and is counted. */
int fleet_voice_take(struct fleet_voice *voice, const char *id, struct fleet_request *request);

/* The whole answer. */
int fleet_voice_answer(struct fleet_voice *voice, const char *id, const char *output,
		       size_t output_size, const char *said, size_t said_size, int code);

/* The same of what cannot be done: `why` is a line. */
int fleet_voice_refuse(struct fleet_voice *voice, const char *id, const char *why);

/* Says from time to time that this host is there. */
int fleet_voice_stay(struct fleet_voice *voice);

#endif
