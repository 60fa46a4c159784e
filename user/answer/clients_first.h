/* SPDX-License-Identifier: GPL-2.0-only */
/* The protocols whose clients speak first. */
#ifndef HEADCOUNT_ANSWER_CLIENTS_FIRST_H
#define HEADCOUNT_ANSWER_CLIENTS_FIRST_H

#include "user/answer/say.h"

/* The next byte of a request, which is answered after its headers; HEAD without a body. */
void hear_http(struct talk *talk, __u8 byte);

/* The next byte of the packets that begin a session of PostgreSQL. TLS and GSSAPI are declined,
 * as a server without them does, and the start-up packet is answered. A request to cancel, and
 * what is none of these, has no answer. */
void hear_postgresql(struct talk *talk, __u8 byte);

#endif
