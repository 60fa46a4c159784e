// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "user/base/clock.h"
#include "user/fleet/store_inside.h"

#define PAUSE_MIN (50 * NS_PER_MS)
#define PAUSE_MAX (2 * NS_PER_SECOND)

struct fleet_word store_word(const char *text)
{
	return (struct fleet_word){text, strlen(text)};
}

int store_authenticate(struct store_link *link, const char *user, const char *password)
{
	const struct fleet_word words[] = {store_word("AUTH"), store_word(user),
					   store_word(password)};
	const struct fleet_word nameless[] = {words[0], words[2]};

	if (!*user && !*password)
		return 0;
	return store_link_send(link, *user ? words : nameless, *user ? 3 : 2) ?: 1;
}

int store_ask(struct store *store, const struct fleet_word *words, size_t count,
	      enum store_expect expect)
{
	int error = store_link_send(&store->main, words, count);

	if (!error)
		store->expects[store->expect_count++] = expect;
	return error;
}

int store_refuse(struct store_link *link, const char *what, const struct store_reply *reply)
{
	const struct store_part *part = &reply->parts[0];

	if (part->kind == STORE_ERROR)
		snprintf(link->why, sizeof(link->why), "%s: %.*s", what,
			 (int)strnlen(part->word.text, part->word.length), part->word.text);
	else
		snprintf(link->why, sizeof(link->why), "%s: not what a store says", what);
	return -EPROTO;
}

/* So that those who lost the same server do not come back to the other at one instant. */
__u64 store_pause(__u64 *pause)
{
	__u32 random = 0;
	__u64 now = *pause < PAUSE_MIN ? PAUSE_MIN : *pause;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
		random = clock_monotonic_ns();
	*pause = now * 2 < PAUSE_MAX ? now * 2 : PAUSE_MAX;
	return now / 2 + (now / 2) * (random >> 16) / 65536;
}
