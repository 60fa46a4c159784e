// SPDX-License-Identifier: GPL-2.0-only
/*
 * Any bytes as what a client over its cap says: however they are cut it gets the same, which is
 * one of our answers, whole, or nothing. The input's first byte is the protocol, its second how
 * the rest is cut.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "user/answer/talk.h"
#include "user/answer/words.h"

#define SAID_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct said {
	char bytes[SAID_MAX];
	size_t size;
	bool over, answered;
};

static const struct talk_piece file = {"\0file", 5};

static void need(bool is_so)
{
	if (!is_so)
		abort();
}

static void take_all(struct talk *talk, struct said *said)
{
	struct talk_piece piece;

	while ((piece = talk_next(talk)).size) {
		need(said->size + piece.size <= SAID_MAX);
		memcpy(said->bytes + said->size, piece.bytes, piece.size);
		said->size += piece.size;
		talk_sent(talk, piece.size);
	}
}

static struct said talk_to(enum hc_answer protocol, const uint8_t *data, size_t size,
			   size_t step)
{
	struct said said = {};
	struct talk talk;

	talk_begin(&talk, protocol, file);
	while (size) {
		size_t part = size < step ? size : step;

		talk_hear(&talk, data, part);
		data += part;
		size -= part;
		/* Not always at once: the socket may be full. */
		if (step % 3)
			take_all(&talk, &said);
	}
	take_all(&talk, &said);
	need(talk.heard <= TALK_HEARD_MAX + 1);
	said.over = talk_is_over(&talk);
	said.answered = talk_has_answered(&talk);
	talk_end(&talk);
	take_all(&talk, &said);
	need(talk_is_over(&talk));
	return said;
}

static bool is(const struct said *said, size_t from, const struct talk_piece *words)
{
	return said->size - from == words->size &&
	       !memcmp(said->bytes + from, words->bytes, words->size);
}

static void check(enum hc_answer protocol, const struct said *said)
{
	size_t from = 0;

	while (protocol == HC_ANSWER_POSTGRESQL && from < 2 && from < said->size &&
	       said->bytes[from] == 'N')
		from++;
	need(from == said->size || is(said, from, &answer_tls) ||
	     is(said, from, protocol == HC_ANSWER_FILE ? &file : &answer_words[protocol]) ||
	     (protocol == HC_ANSWER_HTTP &&
	      (is(said, from, &answer_http_head) || is(said, from, &answer_http2))));
	need(!said->answered || from < said->size);
	need(!said->answered || said->over);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum hc_answer protocol;
	struct said once, cut;

	if (size < 2)
		return 0;
	protocol = HC_ANSWER_NONE + 1 + data[0] % HC_ANSWER_FILE;
	once = talk_to(protocol, data + 2, size - 2, size);
	cut = talk_to(protocol, data + 2, size - 2, data[1] + 1);
	check(protocol, &once);
	need(once.size == cut.size && !memcmp(once.bytes, cut.bytes, once.size));
	need(once.over == cut.over && once.answered == cut.answered);
	return 0;
}
