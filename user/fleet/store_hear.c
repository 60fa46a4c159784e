// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "user/base/clock.h"
#include "user/fleet/store_inside.h"

#define QUIET (5 * NS_PER_SECOND) /* then it is asked whether it is alive */

void store_hear_close(struct store *store)
{
	store_link_close(&store->hearing);
	store->hears = store->asked_alive = false;
}

/* The primary is the main connection's to judge: this one only tries again. */
static void fail(struct store *store, __u64 now)
{
	store_hear_close(store);
	store->hear_resume = now + store_pause(&store->hear_pause);
}

static int begin(struct store *store, __u64 now)
{
	char channel[STORE_HOST_MAX + 20];
	struct fleet_word words[] = {store_word("SUBSCRIBE"), {channel, 0}};
	int error;

	store->heard = now;
	store->hears_id = store->host->id;
	words[1].length =
		snprintf(channel, sizeof(channel), "%s:%016llx", store->calls, store->hears_id);
	error = store_link_open_beside(&store->hearing, &store->main);
	if (error)
		return error;
	error = store_authenticate(&store->hearing, store->address.user,
				   store->address.password);
	store->authenticates = error > 0;
	return error < 0 ? error : store_link_send(&store->hearing, words, 2);
}

static int take(struct store *store, const struct store_reply *reply, __u64 now)
{
	const struct store_part *what = &reply->parts[1];

	store->heard = now;
	store->asked_alive = false;
	if (store->authenticates) {
		store->authenticates = false;
		return store_part_is(&reply->parts[0], STORE_STATUS, "OK") ? 0 : -EPROTO;
	}
	if (reply->parts[0].kind != STORE_LIST || reply->count < 3)
		return -EPROTO;
	if (store_part_is(what, STORE_TEXT, "message") && store->hears)
		fleet_called(store->host);
	else if (store_part_is(what, STORE_TEXT, "subscribe") && !store->hears)
		store->hears = true;
	else if (!store_part_is(what, STORE_TEXT, "pong"))
		return -EPROTO;
	store->hear_pause = 0;
	return 0;
}

static int receive(struct store *store, __u64 now)
{
	int error = store_link_work(&store->hearing), there, bad = 0;
	const struct store_reply *reply;

	while (!bad && (there = store_link_next(&store->hearing, &reply)) > 0)
		bad = take(store, reply, now);
	return error ?: bad ?: there;
}

/* When it is asked whether it is alive, or has been waited for long enough. */
static __u64 due(const struct store *store)
{
	__u64 time = store->heard;

	if (store->hears)
		time += QUIET;
	if (!store->hears || store->asked_alive)
		time += store_patience(store);
	return time;
}

static int look_at_time(struct store *store, __u64 now)
{
	const struct fleet_word ping = store_word("PING");

	if (now < due(store))
		return 0;
	if (!store->hears || store->asked_alive)
		return -ETIMEDOUT;
	/* Its answer is waited for from now on, however long nobody has looked. */
	store->heard = now - QUIET;
	store->asked_alive = true;
	return store_link_send(&store->hearing, &ping, 1);
}

void store_hear_work(struct store *store, bool ready, __u64 now)
{
	bool closed = store->hearing.stage == STORE_LINK_CLOSED;
	int error = 0;

	if (!closed && store->hears_id != store->host->id) {
		store_hear_close(store);
		closed = true;
	}
	if (closed && (store->step != STORE_STEP_FOUND || now < store->hear_resume))
		return;
	if (closed)
		error = begin(store, now);
	else if (ready)
		error = receive(store, now);
	error = error ?: look_at_time(store, now);
	error = error ?: store_link_flush(&store->hearing);
	if (error)
		fail(store, now);
}

static void sooner(__u64 *until, __u64 time)
{
	if (time < *until)
		*until = time;
}

void store_hear_until(const struct store *store, __u64 *until)
{
	if (store->hearing.eager)
		*until = 0;
	else if (store->hearing.stage != STORE_LINK_CLOSED)
		sooner(until, due(store));
	else if (store->step == STORE_STEP_FOUND)
		sooner(until, store->hear_resume);
}
