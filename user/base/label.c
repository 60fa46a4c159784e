// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "siphash.h"
#include "user/base/escape.h"
#include "user/base/label.h"

#define ROOM_FIRST 1024
#define ROOM_MOST  (1u << 17) /* then everything is forgotten: hostile labels have no end */

/* What was learned, by hash: a table that is never more than half full. */
struct known {
	__u8 id[16];
	struct hc_label label; /* empty: the place is free */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct known *places;
static size_t room, used;
static __u64 hash_key[2];
static label_look *look_in_maps;

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

/* A blank that nobody would see. */
static bool at_an_end(const char *text, const char *at)
{
	return *at == ' ' && (at == text || !at[1]);
}

char *label_format(const struct hc_label *label, char text[LABEL_TEXT])
{
	char raw[HC_LABEL_MAX + 1] = "", escaped[4 * HC_LABEL_MAX + 1], *to = text;

	strncat(raw, label->text, HC_LABEL_MAX);
	/* \xNN of escape_text(), which leaves no other backslash, becomes %NN. */
	escape_text(escaped, sizeof(escaped), raw, strlen(raw));
	for (const char *from = escaped; *from; from++) {
		bool ambiguous = from == escaped &&
				 (begins(raw, LABEL_UNLABELLED) || begins(raw, LABEL_UNKNOWN));

		if (*from == '\\')
			to += sprintf(to, "%%%c%c", from[2], from[3]), from += 3;
		else if (*from == '%' || *from == '*' || ambiguous || at_an_end(escaped, from))
			to += sprintf(to, "%%%02x", (unsigned char)*from);
		else
			*to++ = *from;
	}
	*to = '\0';
	return text;
}

static int digit(char c)
{
	return isdigit((unsigned char)c)    ? c - '0'
	       : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10
					    : -1;
}

static int refuse(char *why, size_t size, const char *text, const char *reason)
{
	snprintf(why, size, "\"%.*s\" is no label: %s", LABEL_TEXT, text, reason);
	return -EINVAL;
}

int label_parse(const char *text, struct hc_label *label, unsigned int *prefix, char *why,
		size_t why_size)
{
	const char *from = text;
	size_t length = 0;

	memset(label, 0, sizeof(*label));
	for (; *from && (*from != '*' || from[1]); from++) {
		int byte = (unsigned char)*from;

		if (byte == '%') {
			byte = digit(from[1]) < 0 || digit(from[2]) < 0
				       ? 0
				       : 16 * digit(from[1]) + digit(from[2]);
			if (!byte)
				return refuse(why, why_size, text,
					      "% and two hexadecimal digits stand for a byte, "
					      "not 0");
			from += 2;
		} else if (byte == '*') {
			return refuse(why, why_size, text, "* is written %2a, but at the end");
		}
		if (length == HC_LABEL_MAX)
			return refuse(why, why_size, text, "it has more than 64 bytes");
		label->text[length++] = byte;
	}
	if (!*from && !length)
		return refuse(why, why_size, text, "it is empty");
	if (*from && (!prefix || length == HC_LABEL_MAX))
		return refuse(why, why_size, text, "* is written %2a");
	if (prefix)
		*prefix = *from ? length : HC_LABEL_MAX;
	return 0;
}

void label_hash(const struct hc_label *label, __u8 id[16])
{
	__u64 hash[2];

	siphash128(hash, hash_key, label->word, HC_LABEL_MAX / 8);
	memcpy(id, hash, sizeof(hash));
}

static void forget(void)
{
	free(places);
	places = NULL;
	room = used = 0;
}

void label_set_key(const __u64 key[2])
{
	pthread_mutex_lock(&lock);
	if (memcmp(hash_key, key, sizeof(hash_key)))
		forget();
	memcpy(hash_key, key, sizeof(hash_key));
	pthread_mutex_unlock(&lock);
}

/* The place of a hash, or the free one where it would be. */
static struct known *place_of(struct known *in, size_t size, const __u8 id[16])
{
	size_t at;

	memcpy(&at, id, sizeof(at));
	for (;; at++)
		if (!in[at % size].label.text[0] || !memcmp(in[at % size].id, id, 16))
			return &in[at % size];
}

/* Room for one more; false: no memory, it is not kept. */
static bool grow(void)
{
	size_t size = room ? 2 * room : ROOM_FIRST;
	struct known *fresh;

	if (2 * (used + 1) <= room)
		return true;
	if (size > ROOM_MOST) {
		forget();
		size = ROOM_FIRST;
	}
	fresh = calloc(size, sizeof(*fresh));
	for (size_t i = 0; fresh && i < room; i++)
		if (places[i].label.text[0])
			*place_of(fresh, size, places[i].id) = places[i];
	if (!fresh)
		return false;
	free(places);
	places = fresh;
	room = size;
	return true;
}

static void keep(const __u8 id[16], const struct hc_label *label)
{
	struct known *place;

	if (!label->text[0] || !grow())
		return;
	place = place_of(places, room, id);
	used += !place->label.text[0];
	memcpy(place->id, id, sizeof(place->id));
	place->label = *label;
}

void label_learn(const struct hc_label *label)
{
	__u8 id[16];

	pthread_mutex_lock(&lock);
	label_hash(label, id);
	keep(id, label);
	pthread_mutex_unlock(&lock);
}

void label_set_look(label_look *look)
{
	pthread_mutex_lock(&lock);
	look_in_maps = look;
	pthread_mutex_unlock(&lock);
}

/* What the maps have may be another's by now, or be written just now: its hash tells. */
static bool look_up(const struct hc_user_key *key, struct hc_label *label)
{
	__u8 id[16];

	if (!look_in_maps || !look_in_maps(key, label))
		return false;
	label_hash(label, id);
	if (memcmp(id, key->id, sizeof(id)))
		return false;
	keep(id, label);
	return true;
}

bool label_find(const struct hc_user_key *key, struct hc_label *label)
{
	const struct known *place;
	bool found;

	pthread_mutex_lock(&lock);
	place = room ? place_of(places, room, key->id) : NULL;
	found = place && place->label.text[0];
	if (found)
		*label = place->label;
	else
		found = look_up(key, label);
	pthread_mutex_unlock(&lock);
	return found;
}
