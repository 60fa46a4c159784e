// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>
#include <sys/random.h>

#include "user/base/clock.h"
#include "user/base/escape.h"
#include "user/base/put.h"
#include "user/events/origin.h"

#define HOST ",\"host.name\":\""
#define RUN  "\",\"agent.ephemeral_id\":\""

static char *put_id(char *p, __u64 id)
{
	for (int shift = 60; shift >= 0; shift -= 4)
		*p++ = "0123456789abcdef"[id >> shift & 15];
	return p;
}

void origin_begin(struct origin *origin, const char *name)
{
	char *p = PUT(origin->text, HOST), room[HOST_NAME_ROOM];
	__u64 id;

	if (getrandom(&id, sizeof(id), 0) != sizeof(id))
		id = clock_realtime_ns(); /* no other run of this host has it either */
	name = host_name(name, room);
	p += escape_json(p, 6 * HOST_NAME_ROOM, name, strlen(name));
	p = put_id(PUT(p, RUN), id);
	*p++ = '"';
	origin->length = p - origin->text;
}

/* In a string that was escaped no quote is but its last. */
void origin_of_line(struct origin *origin, const char *text, size_t length)
{
	const char *end = text + length;
	const char *begin = memmem(text, length, HOST, sizeof(HOST) - 1), *at = begin;

	origin->length = 0;
	if (at)
		at = memchr(at + sizeof(HOST) - 1, '"', end - at - (sizeof(HOST) - 1));
	if (!at || end - at < (ptrdiff_t)sizeof(RUN) || memcmp(at, RUN, sizeof(RUN) - 1))
		return;
	at += sizeof(RUN) - 1;
	at = memchr(at, '"', end - at);
	if (!at || at + 1 - begin > ORIGIN_ROOM)
		return;
	origin->length = at + 1 - begin;
	memcpy(origin->text, begin, origin->length);
}

bool origin_has_line(const struct origin *origin, const char *text, size_t length)
{
	return origin->length && memmem(text, length, origin->text, origin->length);
}
