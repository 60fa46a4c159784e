/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a client over its cap is told, in the words of its protocol. Pure: bytes come in, bytes
 * go out; the sockets are the server's (server.h). However the client's bytes are cut, the
 * answer is the same, and nothing in it was chosen by an outsider.
 */
#ifndef HEADCOUNT_ANSWER_TALK_H
#define HEADCOUNT_ANSWER_TALK_H

#include "user/answer/say.h"

/* For so long a client is waited for that begins with TLS although its server speaks first. */
#define TALK_LOOK_MS 200
/* Of a client that speaks first so much is read before its answer: a request with its headers.
 */
#define TALK_HEARD_MAX 32768

/* Begins one. `file` is what HC_ANSWER_FILE says; it stays the caller's, and must outlive the
 * talk. */
void talk_begin(struct talk *talk, enum hc_answer protocol, struct talk_piece file);

/* The client has said this. What is not needed is ignored. */
void talk_hear(struct talk *talk, const void *bytes, size_t size);

/* Is it waited whether the client begins with TLS? */
bool talk_looks(const struct talk *talk);

/* The client has said nothing for TALK_LOOK_MS. */
void talk_silence(struct talk *talk);

/* The client will say nothing more. */
void talk_end(struct talk *talk);

/* What is to be sent now, of no bytes if there is nothing; and that so much of it was sent. */
struct talk_piece talk_next(const struct talk *talk);
void talk_sent(struct talk *talk, size_t size);

/* All is sent, and nothing that the client may say changes that. */
bool talk_is_over(const struct talk *talk);

/* Was it given the answer, or did it leave, or say what has none? Once it is over. */
static inline bool talk_has_answered(const struct talk *talk)
{
	return talk->said;
}

#endif
