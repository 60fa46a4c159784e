// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "user/answer/clients_first.h"
#include "user/answer/words.h"

static void answer_request(struct talk *talk)
{
	if (!strcmp(talk->http.method, "HEAD"))
		talk_answer(talk, answer_http_head);
	else if (!strcmp(talk->http.method, "PRI")) /* the preface of HTTP/2 */
		talk_answer(talk, answer_http2);
	else
		talk_answer(talk, talk->words);
}

static void hear_method(struct talk *talk, __u8 byte)
{
	if (byte == ' ' || talk->http.size == sizeof(talk->http.method) - 1)
		talk->http.has_method = true;
	else
		talk->http.method[talk->http.size++] = byte;
	/* Longer than any that matters: it is none of those. */
	if (talk->http.has_method && byte != ' ')
		*talk->http.method = 0;
}

void hear_http(struct talk *talk, __u8 byte)
{
	bool blank = byte == '\r' || byte == '\n';

	/* Blank lines may come before a request. */
	if (blank && !talk->http.size && !talk->http.has_method)
		return;
	if (!talk->http.has_method && !blank)
		hear_method(talk, byte);
	if (byte == '\n' && !talk->http.in_line)
		answer_request(talk);
	else if (byte != '\r')
		talk->http.in_line = byte != '\n';
}

/* Of the start-up packet: MAX_STARTUP_PACKET_LENGTH of PostgreSQL; its codes. */
#define PACKET_MAX     10000
#define CANCEL_REQUEST 80877102
#define SSL_REQUEST    80877103
#define GSSENC_REQUEST 80877104

static __u32 big_endian(const __u8 bytes[4])
{
	return (__u32)bytes[0] << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3];
}

/* Once each, as the server has it. */
static void decline(struct talk *talk, bool *had, __u32 size)
{
	if (*had || size != sizeof(talk->postgresql.head)) {
		talk_give_up(talk);
		return;
	}
	*had = true;
	talk_say(talk, (struct talk_piece){"N", 1});
	talk->postgresql.size = 0;
}

static void begin_packet(struct talk *talk)
{
	__u32 size = big_endian(talk->postgresql.head);
	__u32 code = big_endian(talk->postgresql.head + 4);

	if (code == SSL_REQUEST)
		decline(talk, &talk->postgresql.had_ssl, size);
	else if (code == GSSENC_REQUEST)
		decline(talk, &talk->postgresql.had_gss, size);
	else if (code == CANCEL_REQUEST || size < sizeof(talk->postgresql.head) ||
		 size > PACKET_MAX)
		talk_give_up(talk);
	else
		talk->postgresql.left = size - sizeof(talk->postgresql.head);
	/* Of one that ends with its head no further byte comes. */
	if (talk->postgresql.size && !talk->postgresql.left && talk->state != TALK_IS_OVER)
		talk_answer(talk, talk->words);
}

void hear_postgresql(struct talk *talk, __u8 byte)
{
	if (talk->postgresql.size < sizeof(talk->postgresql.head)) {
		talk->postgresql.head[talk->postgresql.size++] = byte;
		if (talk->postgresql.size == sizeof(talk->postgresql.head))
			begin_packet(talk);
	} else if (!--talk->postgresql.left) {
		talk_answer(talk, talk->words);
	}
}
