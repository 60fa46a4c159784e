// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "user/answer/clients_first.h"
#include "user/answer/talk.h"
#include "user/answer/words.h"

#define TLS_HANDSHAKE 0x16 /* the first byte of a ClientHello's record */
#define TLS_MAJOR     3    /* and the second */

static const struct protocol {
	/* The client's next byte, if it speaks first. */
	void (*hear)(struct talk *talk, __u8 byte);
	/* The server speaks first, and no client of it begins with TLS. */
	bool at_once;
} protocols[HC_ANSWER_COUNT] = {
	[HC_ANSWER_HTTP] = {.hear = hear_http},
	[HC_ANSWER_POSTGRESQL] = {.hear = hear_postgresql},
	[HC_ANSWER_MYSQL] = {.at_once = true},
	[HC_ANSWER_SSH] = {.at_once = true},
	[HC_ANSWER_FILE] = {.at_once = true},
};

void talk_begin(struct talk *talk, enum hc_answer protocol, struct talk_piece file)
{
	*talk = (struct talk){.protocol = protocol};
	talk->words = protocol == HC_ANSWER_FILE ? file : answer_words[protocol];
	if (protocols[protocol].at_once)
		talk_answer(talk, talk->words);
}

/* A byte that begins no TLS, nor goes on with it. */
static void hear_plain(struct talk *talk, __u8 byte)
{
	if (!protocols[talk->protocol].hear) {
		talk_answer(talk, talk->words);
		return;
	}
	talk->state = TALK_HEARS;
	if (talk->heard++ < TALK_HEARD_MAX)
		protocols[talk->protocol].hear(talk, byte);
	else
		talk_answer(talk, talk->words);
}

static void hear(struct talk *talk, __u8 byte)
{
	if (talk->state == TALK_LOOKS && byte == TLS_HANDSHAKE) {
		talk->state = TALK_IS_TLS;
	} else if (talk->state == TALK_IS_TLS && byte == TLS_MAJOR) {
		talk_answer(talk, answer_tls);
	} else {
		if (talk->state == TALK_IS_TLS)
			hear_plain(talk, TLS_HANDSHAKE);
		if (talk->state != TALK_IS_OVER)
			hear_plain(talk, byte);
	}
}

void talk_hear(struct talk *talk, const void *bytes, size_t size)
{
	for (size_t i = 0; i < size && talk->state != TALK_IS_OVER; i++)
		hear(talk, ((const __u8 *)bytes)[i]);
}

bool talk_looks(const struct talk *talk)
{
	return talk->state < TALK_HEARS && !protocols[talk->protocol].hear;
}

void talk_silence(struct talk *talk)
{
	if (talk_looks(talk))
		talk_answer(talk, talk->words);
}

void talk_end(struct talk *talk)
{
	talk_silence(talk);
	talk->state = TALK_IS_OVER;
}

struct talk_piece talk_next(const struct talk *talk)
{
	return talk->pieces ? talk->out[0] : (struct talk_piece){};
}

void talk_sent(struct talk *talk, size_t size)
{
	struct talk_piece *piece = &talk->out[0];

	piece->bytes = (const char *)piece->bytes + size;
	piece->size -= size;
	if (piece->size)
		return;
	talk->pieces--;
	memmove(piece, piece + 1, talk->pieces * sizeof(*piece));
}

bool talk_is_over(const struct talk *talk)
{
	return talk->state == TALK_IS_OVER && !talk->pieces;
}
