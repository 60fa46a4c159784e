/* SPDX-License-Identifier: GPL-2.0-only */
/* A conversation, as far as it has come; what else talk.h says is built on this. */
#ifndef HEADCOUNT_ANSWER_SAY_H
#define HEADCOUNT_ANSWER_SAY_H

#include <stdbool.h>
#include <stddef.h>
#include "policy.h" /* enum hc_answer */

struct talk_piece {
	const void *bytes;
	size_t size;
};

struct talk {
	enum hc_answer protocol;
	struct talk_piece words;  /* the answer to say when it is due */
	struct talk_piece out[4]; /* what is still to be sent */
	unsigned int pieces;
	enum { TALK_LOOKS, TALK_IS_TLS, TALK_HEARS, TALK_IS_OVER } state;
	bool said;    /* the answer is in `out`, or has been sent */
	size_t heard; /* bytes that the protocol needed */
	union {
		struct {
			char method[5];
			__u8 size;
			bool has_method, in_line;
		} http;
		struct {
			__u8 head[8];
			__u8 size;
			bool had_ssl, had_gss;
			__u32 left; /* of the packet, after its head */
		} postgresql;
	};
};

/* Sends this besides. At most so often that all pieces fit, with the answer. */
void talk_say(struct talk *talk, struct talk_piece piece);

/* Sends this, and that was the answer. */
void talk_answer(struct talk *talk, struct talk_piece words);

/* There is no answer to that. */
static inline void talk_give_up(struct talk *talk)
{
	talk->state = TALK_IS_OVER;
}

#endif
