// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "user/fleet/message.h"

void fleet_message_begin(struct fleet_message *message)
{
	message->count = message->used = 0;
}

/* The sizes of the message are for the most that is put into it. */
void fleet_message_text(struct fleet_message *message, const void *text, size_t length)
{
	char *to = message->text + message->used;

	if (message->count == FLEET_WORDS || length > sizeof(message->text) - message->used)
		return;
	memcpy(to, text, length);
	message->words[message->count++] = (struct fleet_word){to, length};
	message->used += length;
}

void fleet_message_number(struct fleet_message *message, __u64 number)
{
	char text[24];
	int length = sprintf(text, "%llu", number);

	fleet_message_text(message, text, length);
}

void fleet_message_id(struct fleet_message *message, __u64 id)
{
	char text[24];
	int length = sprintf(text, "%016llx", id);

	fleet_message_text(message, text, length);
}

void fleet_message_item(struct fleet_message *message, const struct fleet_key *key, __u32 cap,
			__u32 have, __u32 need, __u32 want)
{
	char text[48];
	int length = sprintf(text, "%u %u %u %u", cap, have, need, want);

	fleet_message_text(message, key, sizeof(*key));
	fleet_message_text(message, text, length);
}

/* The digits that the word begins with; it loses them. */
static int take_number(struct fleet_word *word, __u64 max, __u64 *number)
{
	size_t digits = 0;

	*number = 0;
	while (digits < word->length && word->text[digits] >= '0' &&
	       word->text[digits] <= '9') {
		__u64 digit = word->text[digits++] - '0';

		if (digit > max || *number > (max - digit) / 10)
			return -EPROTO;
		*number = *number * 10 + digit;
	}
	word->text += digits;
	word->length -= digits;
	return digits ? 0 : -EPROTO;
}

static int parse_number(struct fleet_word word, __u64 max, __u64 *number)
{
	return take_number(&word, max, number) ?: word.length ? -EPROTO : 0;
}

static int parse_id(struct fleet_word word, __u64 *id)
{
	*id = 0;
	if (word.length != FLEET_ID_LENGTH)
		return -EPROTO;
	for (size_t i = 0; i < FLEET_ID_LENGTH; i++) {
		const char *digits = "0123456789abcdef",
			   *digit = memchr(digits, word.text[i], 16);

		if (!digit)
			return -EPROTO;
		*id = *id << 4 | (digit - digits);
	}
	return 0;
}

static int parse_status(struct fleet_word word, enum fleet_status *status)
{
	static const char *const words[] = {
		[FLEET_OK] = "ok",     [FLEET_JOINED] = "joined", [FLEET_STALE] = "stale",
		[FLEET_LEFT] = "left", [FLEET_LEASE] = "lease",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		*status = i;
		if (word.length == strlen(words[i]) &&
		    !memcmp(word.text, words[i], word.length))
			return 0;
	}
	return -EPROTO;
}

/* Letters of an epoch and of a tag: they go back to the store, and into the log. Neither begins
 * with a number that a Lua script could not count on from. */
static int parse_name(struct fleet_word word, char *name, size_t size)
{
	size_t digits = 0;

	if (!word.length || word.length >= size)
		return -EPROTO;
	while (digits < word.length && word.text[digits] >= '0' && word.text[digits] <= '9')
		digits++;
	if (digits > FLEET_DIGITS)
		return -EPROTO;
	for (size_t i = 0; i < word.length; i++) {
		char c = word.text[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f') && c != '.')
			return -EPROTO;
	}
	memcpy(name, word.text, word.length);
	name[word.length] = 0;
	return 0;
}

static int parse_units(struct fleet_word word, struct fleet_answer *answer)
{
	int error = 0;

	for (answer->unit_count = 0; !error && word.length; answer->unit_count++) {
		__u64 number = 0;

		if (answer->unit_count == FLEET_ITEMS)
			return -EPROTO;
		if (answer->unit_count && *word.text++ != ' ')
			return -EPROTO;
		word.length -= !!answer->unit_count;
		error = take_number(&word, 0xfffffffeu, &number);
		answer->units[answer->unit_count] = number;
	}
	return error;
}

static int parse_calls(struct fleet_word word, struct fleet_answer *answer)
{
	const size_t length = 1 + sizeof(struct fleet_key);

	answer->call_count = word.length / length;
	if (word.length % length || answer->call_count > FLEET_CALLS)
		return -EPROTO;
	for (size_t i = 0; i < answer->call_count; i++, word.text += length) {
		if (*word.text != '+' && *word.text != '-')
			return -EPROTO;
		answer->calls[i].more = *word.text == '+';
		memcpy(&answer->calls[i].key, word.text + 1, sizeof(struct fleet_key));
	}
	return 0;
}

static int parse_peers(const struct fleet_word *words, size_t count,
		       struct fleet_answer *answer)
{
	int error = 0;

	answer->peer_count = count / 2;
	if (count % 2 || answer->peer_count > FLEET_PEERS)
		return -EPROTO;
	for (size_t i = 0; !error && i < answer->peer_count; i++) {
		struct fleet_peer *peer = &answer->peers[i];

		error = parse_id(words[2 * i], &peer->id);
		error = error ?: parse_number(words[2 * i + 1], 1ull << 53, &peer->n);
	}
	return error;
}

int fleet_answer_parse(const struct fleet_word *words, size_t count,
		       struct fleet_answer *answer)
{
	__u64 ready = 0;
	int error;

	if (count < FLEET_FIXED)
		return -EPROTO;
	error = parse_status(words[0], &answer->status);
	error = error ?: parse_number(words[1], 1ull << 53, &answer->n);
	error = error ?: parse_name(words[2], answer->epoch, sizeof(answer->epoch));
	error = error ?: parse_name(words[3], answer->tag, sizeof(answer->tag));
	error = error ?: parse_number(words[4], 1, &ready);
	answer->ready = ready;
	answer->unit_count = answer->call_count = answer->peer_count = 0;
	/* What follows is of no other answer, but for the lease that others have. */
	if (error || answer->status != FLEET_OK)
		return error;
	error = parse_units(words[5], answer);
	error = error ?: parse_calls(words[6], answer);
	return error ?: parse_peers(words + FLEET_FIXED, count - FLEET_FIXED, answer);
}
