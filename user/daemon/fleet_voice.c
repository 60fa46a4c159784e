// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/daemon/fleet_voice.h"
#include "user/fleet/askers.h"
#include "user/fleet/script.h"

#define FIND_NS    (2 * NS_PER_SECOND)
#define ANSWER_NS  (2 * NS_PER_SECOND)
#define ALIVE_NS   (5 * NS_PER_SECOND)
#define SILENCE_NS (3 * ALIVE_NS) /* of the store, and then it is found again */
#define STAYS      "30"           /* seconds that an answer waits for who asked */

static __u64 until(__u64 ns)
{
	return clock_ns(CLOCK_BOOTTIME) + ns;
}

/* Who is no primary any more is left. For the rest there is no help in another connection, but
 * the store's owner's: it is told, once. */
static int look_at(struct fleet_voice *voice, const char *what,
		   const struct store_reply *answer)
{
	const struct store_part *part = &answer->parts[0];

	if (part->kind != STORE_ERROR)
		return 0;
	if (store_part_begins(part, STORE_ERROR, "READONLY") ||
	    store_part_begins(part, STORE_ERROR, "LOADING") ||
	    store_part_begins(part, STORE_ERROR, "MASTERDOWN"))
		return -EPROTO;
	if (!voice->refused)
		hc_error("fleet: the store refuses %s, so that this host cannot be asked: %.*s",
			 what, (int)part->word.length, part->word.text);
	voice->refused = true;
	return 0;
}

static int say(struct fleet_voice *voice, const struct store_reply **answer,
	       const struct fleet_word *words, size_t count)
{
	int error = line_ask(voice->talk, words, count, until(ANSWER_NS), answer);

	return error ?: look_at(voice, words[0].text, *answer);
}

static int say_texts(struct fleet_voice *voice, const char *const *texts)
{
	struct fleet_word words[8];
	const struct store_reply *answer;
	size_t count = 0;

	for (; count < 8 && texts[count]; count++)
		words[count] = (struct fleet_word){texts[count], strlen(texts[count])};
	return say(voice, &answer, words, count);
}

/* "NAME KIND BYTES", behind what is there of the answers. */
static int push(struct fleet_voice *voice, const char *list, char kind, const char *bytes,
		size_t size)
{
	char *element = voice->element;
	const struct store_reply *answer;
	size_t head =
		snprintf(element, sizeof(voice->element), "%s %c ", voice->fleet.name, kind);
	const struct fleet_word words[] = {
		{"RPUSH", 5}, {list, strlen(list)}, {element, head + size}};

	memcpy(element + head, bytes, size);
	return say(voice, &answer, words, 3);
}

int fleet_voice_answer(struct fleet_voice *voice, const char *id, const char *output,
		       size_t output_size, const char *said, size_t said_size, int code)
{
	char list[ASK_KEY], digit = '0' + code;
	int error = 0;

	fleet_ask_key(&voice->fleet, "answers", id, list);
	for (size_t at = 0, size; at < output_size && !error; at += size) {
		size = output_size - at < ASK_PIECE ? output_size - at : ASK_PIECE;
		error = push(voice, list, 'o', output + at, size);
	}
	if (said_size)
		error = error ?: push(voice, list, 'e', said, said_size);
	error = error ?: push(voice, list, 'z', &digit, 1);
	return error ?: say_texts(voice, (const char *const[]){"EXPIRE", list, STAYS, NULL});
}

int fleet_voice_refuse(struct fleet_voice *voice, const char *id, const char *why)
{
	return fleet_voice_answer(voice, id, NULL, 0, why, strlen(why), 1);
}

int fleet_voice_take(struct fleet_voice *voice, const char *id, struct fleet_request *request)
{
	char key[ASK_KEY], list[ASK_KEY], begun[HOST_NAME_ROOM + 2];
	const char *texts[] = {
		"EVAL",
		fleet_script_take,
		"2",
		fleet_ask_key(&voice->fleet, "request", id, key),
		fleet_ask_key(&voice->fleet, "answers", id, list),
		begun,
		STAYS,
		NULL,
	};
	const struct store_reply *answer;
	int error;

	snprintf(begun, sizeof(begun), "%s a", voice->fleet.name);
	error = line_say(voice->talk, until(ANSWER_NS), &answer, texts);
	error = error ?: look_at(voice, "EVAL", answer);
	if (error || answer->parts[0].kind != STORE_TEXT)
		return error;
	if (!request_from_json(request, answer->parts[0].word.text,
			       answer->parts[0].word.length))
		return 1;
	askers_count(HC_ASKED_BAD);
	return fleet_voice_refuse(voice, id, "it does not know such a request\n");
}

/* "ID" or "ID NAME". */
static bool is_for_us(const struct fleet_voice *voice, const struct fleet_word *word,
		      char id[ASK_ID + 1])
{
	const char *name = voice->fleet.name;
	size_t rest;

	if (word->length < ASK_ID)
		return false;
	memcpy(id, word->text, ASK_ID);
	id[ASK_ID] = '\0';
	if (strspn(id, "0123456789abcdef") != ASK_ID)
		return false;
	rest = word->length - ASK_ID;
	return !rest || (rest == strlen(name) + 1 && word->text[ASK_ID] == ' ' &&
			 !memcmp(word->text + ASK_ID + 1, name, rest - 1));
}

int fleet_voice_hear(struct fleet_voice *voice, char id[ASK_ID + 1])
{
	const struct store_reply *message;
	int there;

	while ((there = line_hear(voice->hear, &message)) > 0) {
		voice->heard = until(0);
		if (message->count == 4 && message->parts[0].kind == STORE_LIST &&
		    store_part_is(&message->parts[1], STORE_TEXT, "message") &&
		    message->parts[3].kind == STORE_TEXT &&
		    is_for_us(voice, &message->parts[3].word, id))
			return 1;
	}
	return there;
}

int fleet_voice_stay(struct fleet_voice *voice)
{
	const struct fleet_word ping = {"PING", 4};
	char key[ASK_KEY], text[24];
	__u64 now = until(0);

	if (now - voice->heard > SILENCE_NS)
		return -ETIMEDOUT;
	if (now - voice->alive < ALIVE_NS)
		return 0;
	voice->alive = now;
	snprintf(text, sizeof(text), "%lld", (long long)time(NULL));
	fleet_ask_key(&voice->fleet, "hosts", NULL, key);
	return say_texts(voice,
			 (const char *const[]){"HSET", key, voice->fleet.name, text, NULL})
		       ?: line_send(voice->hear, &ping, 1);
}

static int subscribe(struct fleet_voice *voice)
{
	const struct store_reply *answer;
	char channel[ASK_KEY];
	int error;

	fleet_ask_key(&voice->fleet, "ask", NULL, channel);
	error = line_say(voice->hear, until(ANSWER_NS), &answer,
			 (const char *const[]){"SUBSCRIBE", channel, NULL});
	error = error ?: look_at(voice, "SUBSCRIBE", answer);
	return error ?: answer->parts[0].kind == STORE_ERROR ? -EACCES : 0;
}

int fleet_voice_open(struct fleet_voice *voice)
{
	char why[LINE_WHY];
	int error = line_open(&voice->talk, &voice->fleet, until(FIND_NS), &voice->names,
			      voice->stop, why);

	error = error
			?: line_open_beside(&voice->hear, voice->talk, &voice->fleet,
					    until(FIND_NS));
	error = error ?: subscribe(voice);
	voice->heard = until(0);
	voice->alive = 0;
	if (error)
		fleet_voice_close(voice, false);
	return error;
}

void fleet_voice_close(struct fleet_voice *voice, bool leaves)
{
	char key[ASK_KEY];

	fleet_ask_key(&voice->fleet, "hosts", NULL, key);
	if (leaves && voice->talk)
		say_texts(voice, (const char *const[]){"HDEL", key, voice->fleet.name, NULL});
	line_close(voice->talk);
	line_close(voice->hear);
	voice->talk = voice->hear = NULL;
}

static char *copy(const char *text, int *error)
{
	char *own = text ? strdup(text) : NULL;

	if (text && !own)
		*error = -ENOMEM;
	return own;
}

/* A reload replaces the configuration, though not this part of it. */
int fleet_voice_init(struct fleet_voice *voice, const struct config_fleet *fleet, size_t number,
		     const atomic_bool *stop)
{
	struct config_fleet *own = &voice->fleet;
	int error = 0;

	memset(voice, 0, sizeof(*voice));
	voice->fleet = *fleet;
	voice->store = fleet->stores[number];
	voice->stop = stop;
	own->stores = &voice->store;
	own->store_count = 1;
	own->prefix = copy(fleet->prefix, &error);
	own->tls_ca = copy(fleet->tls_ca, &error);
	own->tls_cert = copy(fleet->tls_cert, &error);
	own->tls_key = copy(fleet->tls_key, &error);
	own->sentinel_user = copy(fleet->sentinel_user, &error);
	own->sentinel_password = copy(fleet->sentinel_password, &error);
	return error;
}

void fleet_voice_free(struct fleet_voice *voice)
{
	fleet_voice_close(voice, false);
	line_names_drop(&voice->names);
	free(voice->fleet.prefix);
	free(voice->fleet.tls_ca);
	free(voice->fleet.tls_cert);
	free(voice->fleet.tls_key);
	free(voice->fleet.sentinel_user);
	free(voice->fleet.sentinel_password);
	explicit_bzero(voice, sizeof(*voice));
}
