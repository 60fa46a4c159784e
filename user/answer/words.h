/* SPDX-License-Identifier: GPL-2.0-only */
/* The bytes of the answers, as each protocol has them. */
#ifndef HEADCOUNT_ANSWER_WORDS_H
#define HEADCOUNT_ANSWER_WORDS_H

#include "user/answer/say.h"

/* Of each protocol but HC_ANSWER_FILE, its whole answer. */
extern const struct talk_piece answer_words[HC_ANSWER_FILE];

extern const struct talk_piece answer_http_head; /* the part of HTTP's that answers HEAD */
extern const struct talk_piece answer_http2;     /* to a client that begins with HTTP/2 */
extern const struct talk_piece answer_tls;       /* to one that begins with TLS */

#endif
