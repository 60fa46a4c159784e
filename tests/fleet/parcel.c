// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fleet/sim.h"

static struct parcel *spare;

struct parcel *parcel_new(struct world *world, const struct fleet_message *message)
{
	struct parcel *parcel = spare ? spare : malloc(sizeof(*parcel));

	if (!parcel)
		abort();
	if (parcel == spare)
		spare = parcel->next;
	parcel->next = NULL;
	parcel->serial = ++world->serial;
	parcel->broken = false;
	parcel->message.count = message->count;
	memcpy(parcel->message.text, message->text, message->used);
	for (size_t i = 0; i < message->count; i++) {
		parcel->message.words[i].length = message->words[i].length;
		parcel->message.words[i].text =
			parcel->message.text + (message->words[i].text - message->text);
	}
	return parcel;
}

void parcel_free(struct parcel *parcel)
{
	parcel->next = spare;
	spare = parcel;
}

static char *put(char *to, const struct fleet_word *word)
{
	/* The keys of users are their numbers. */
	if (word->length && word->length % 16 == 0 && !word->text[1])
		return to + sprintf(to, " user%d", word->text[0]);
	return to + sprintf(to, " %.*s", (int)word->length, word->text);
}

const char *parcel_text(const struct parcel *parcel)
{
	static char text[32768];
	char *to = text;

	for (size_t i = 0; i < parcel->message.count; i++)
		to = put(to, &parcel->message.words[i]);
	to = stpcpy(to, " ->");
	for (size_t i = 0; i < parcel->reply.count; i++)
		to = put(to, &parcel->reply.words[i]);
	return text;
}
