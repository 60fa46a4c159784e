// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "user/base/number.h"
#include "user/config/store_address.h"

#define LETTERS      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
#define NAME_LETTERS LETTERS "._-"
#define BLANKS       " \t,"

/* A part of the text that is parsed. */
struct part {
	const char *at;
	size_t length;
};

static const struct {
	const char *word;
	enum store_kind kind;
	bool tls;
} schemes[] = {
	{"valkey://", STORE_SERVERS, false},     {"redis://", STORE_SERVERS, false},
	{"valkeys://", STORE_SERVERS, true},     {"rediss://", STORE_SERVERS, true},
	{"sentinel://", STORE_SENTINELS, false}, {"sentinels://", STORE_SENTINELS, true},
	{"unix:", STORE_SOCKET, false},
};

static int fail(char *why, size_t size, const char *reason)
{
	snprintf(why, size, "bad store: %s", reason);
	return -EINVAL;
}

static int copy(struct part part, const char *letters, char *to, size_t size)
{
	if (!part.length || part.length >= size)
		return -EINVAL;
	memcpy(to, part.at, part.length);
	to[part.length] = 0;
	return to[strspn(to, letters)] ? -EINVAL : 0;
}

static int digit_of(char c)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (at - digits) % 16 : -1;
}

/* With %NN for a byte, but for zero. */
static int decode(struct part part, char *to, size_t size)
{
	size_t used = 0;

	for (; part.length; part.at++, part.length--) {
		char c = *part.at;

		if (c == '%') {
			int high = part.length > 2 ? digit_of(part.at[1]) : -1;
			int low = part.length > 2 ? digit_of(part.at[2]) : -1;

			if (high < 0 || low < 0 || !(high | low))
				return -EINVAL;
			c = high << 4 | low;
			part.at += 2;
			part.length -= 2;
		}
		if (used + 1 >= size)
			return -EINVAL;
		to[used++] = c;
	}
	to[used] = 0;
	return 0;
}

/* USER:PASSWORD@, USER@ or :PASSWORD@ in front of the rest, if it is there. */
static int take_secrets(struct store_address *address, const char **text, const char *end)
{
	struct part user = {*text, end - *text}, password = {};
	const char *at = memrchr(user.at, '@', user.length), *colon;

	if (!at)
		return 0;
	*text = at + 1;
	user.length = at - user.at;
	colon = memchr(user.at, ':', user.length);
	if (colon) {
		password = (struct part){colon + 1, at - colon - 1};
		user.length = colon - user.at;
	}
	return decode(user, address->user, sizeof(address->user))
		       ?: decode(password, address->password, sizeof(address->password));
}

static int parse_place(struct part part, __u16 port, struct store_place *place)
{
	const char *end = part.at + part.length, *colon;
	char digits[8];
	__u32 number;
	int error;

	place->port = port;
	if (*part.at == '[') {
		colon = memchr(part.at, ']', part.length);
		if (!colon)
			return -EINVAL;
		error = copy((struct part){part.at + 1, colon - part.at - 1}, NAME_LETTERS ":%",
			     place->host, sizeof(place->host));
		colon++;
	} else {
		colon = memchr(part.at, ':', part.length) ?: end;
		error = copy((struct part){part.at, colon - part.at}, NAME_LETTERS, place->host,
			     sizeof(place->host));
	}
	if (error || colon == end)
		return error;
	if (*colon != ':' ||
	    copy((struct part){colon + 1, end - colon - 1}, LETTERS, digits, sizeof(digits)))
		return -EINVAL;
	error = number_parse(digits, 1, 65535, &number);
	place->port = number;
	return error;
}

static int parse_places(struct store_address *address, const char *text, const char *end,
			char *why, size_t size)
{
	__u16 port = address->kind == STORE_SENTINELS ? STORE_SENTINEL_PORT : STORE_PORT;

	for (;;) {
		struct part part;

		text += strspn(text, BLANKS);
		if (text >= end)
			break;
		part = (struct part){text, strcspn(text, BLANKS "/")};
		if (address->count == STORE_PLACES_MAX)
			return fail(why, size, "more than 16 hosts");
		if (parse_place(part, port, &address->places[address->count]))
			return fail(why, size, "a host is NAME, NAME:PORT or [IPV6]:PORT");
		address->count++;
		text += part.length;
	}
	return address->count ? 0 : fail(why, size, "no host");
}

static int parse_socket(struct store_address *address, const char *text, char *why, size_t size)
{
	if (*text != '/')
		return fail(why, size, "a socket's path begins with /");
	if (strlen(text) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return fail(why, size, "the path is too long for a socket");
	strcpy(address->places[0].host, text);
	address->count = 1;
	return 0;
}

/* What follows the hosts: the name that Sentinels have. */
static int parse_rest(struct store_address *address, const char *text, char *why, size_t size)
{
	const struct part name = {text + !!*text, strlen(text + !!*text)};

	if (address->kind != STORE_SENTINELS)
		return *text ? fail(why, size, "no number of a database: it is always 0") : 0;
	if (copy(name, NAME_LETTERS ":", address->name, sizeof(address->name)))
		return fail(why, size,
			    "after Sentinels comes /NAME, what they call the primary");
	return 0;
}

int store_address_parse(struct store_address *address, const char *text, char *why,
			size_t why_size)
{
	const size_t count = sizeof(schemes) / sizeof(schemes[0]);
	const char *end, *secrets;
	size_t i = 0;

	memset(address, 0, sizeof(*address));
	while (i < count && strncmp(text, schemes[i].word, strlen(schemes[i].word)))
		i++;
	if (i == count)
		return fail(why, why_size,
			    "it begins with valkey://, redis://, valkeys://, rediss://, "
			    "sentinel://, sentinels:// or unix:");
	text += strlen(schemes[i].word);
	address->kind = schemes[i].kind;
	address->tls = schemes[i].tls;
	/* A path may have any letter in it: there the first @/ ends the password. */
	secrets = address->kind == STORE_SOCKET ? strstr(text, "@/") : strrchr(text, '@');
	if (*text != '/' && secrets && take_secrets(address, &text, secrets + 1))
		return fail(why, why_size, "USER:PASSWORD@ is too long, or has a bad %NN");
	if (address->kind == STORE_SOCKET)
		return parse_socket(address, text, why, why_size);
	end = strchrnul(text, '/');
	return parse_places(address, text, end, why, why_size)
		       ?: parse_rest(address, end, why, why_size);
}

char *store_place_format(const struct store_place *place, char *text, size_t size)
{
	bool brackets = place->port && strchr(place->host, ':');

	if (!place->port)
		snprintf(text, size, "%s", place->host);
	else
		snprintf(text, size, brackets ? "[%s]:%u" : "%s:%u", place->host, place->port);
	return text;
}

char *store_address_format(const struct store_address *address, char *text, size_t size)
{
	/* Of those that mean the same, the first. */
	size_t i = 0, used;

	while (schemes[i].kind != address->kind || schemes[i].tls != address->tls)
		i++;
	used = snprintf(text, size, "%s", schemes[i].word);
	for (i = 0; i < address->count && used < size; i++) {
		char place[STORE_HOST_MAX + 10];

		used += snprintf(text + used, size - used, "%s%s", i ? "," : "",
				 store_place_format(&address->places[i], place, sizeof(place)));
	}
	if (used < size && *address->name)
		snprintf(text + used, size - used, "/%s", address->name);
	return text;
}
