// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/fleet/store.h"
#include "user/fleet/store_inside.h"

#define CALL_AGAIN (100 * NS_PER_MS)

static void copy_text(char *to, size_t size, const char *text)
{
	snprintf(to, size, "%s", text ?: "");
}

static void set_names(struct store *store, const struct store_settings *settings)
{
	const char *prefix = settings->prefix ?: STORE_PREFIX;

	snprintf(store->members, sizeof(store->members), "%s:members", prefix);
	snprintf(store->units, sizeof(store->units), "%s:units", prefix);
	snprintf(store->calls, sizeof(store->calls), "%s:calls", prefix);
	copy_text(store->sentinel_user, sizeof(store->sentinel_user), settings->sentinel_user);
	copy_text(store->sentinel_password, sizeof(store->sentinel_password),
		  settings->sentinel_password);
}

/* A fixed number counts, or the places; Sentinels are asked. */
static void set_servers(struct store *store, const struct store_settings *settings)
{
	store->servers_given = settings->servers;
	store->servers = settings->servers;
	if (!store->servers && store->address.kind != STORE_SENTINELS)
		store->servers = store->address.count;
	store->host->settings.acks = store->servers / 2;
}

int store_new(struct store **to, const struct store_address *address,
	      const struct store_settings *settings, struct fleet_host *host)
{
	struct store *store = calloc(1, sizeof(*store));
	int error;

	*to = NULL;
	if (!store)
		return hc_error_errno(ENOMEM, "store");
	store->address = *address;
	store->host = host;
	store->step = STORE_STEP_NEXT;
	set_names(store, settings);
	set_servers(store, settings);
	store->reply = calloc(1, sizeof(*store->reply));
	error = store_link_init(&store->main) | store_link_init(&store->hearing);
	store->main.names_most = settings->names ?: STORE_NAMES_MAX;
	if (error || !store->reply) {
		store_free(store);
		return hc_error_errno(ENOMEM, "store");
	}
	if (address->tls)
		error = store_tls_new(&store->tls, settings->tls_ca, settings->tls_cert,
				      settings->tls_key);
	if (error) {
		store_free(store);
		return error;
	}
	*to = store;
	return 0;
}

void store_free(struct store *store)
{
	if (!store)
		return;
	store_link_free(&store->main);
	store_link_free(&store->hearing);
	for (int i = 0; i <= STORE_PLACES_MAX; i++)
		store_name_drop(store->names[i]);
	SSL_CTX_free(store->tls);
	free(store->reply);
	explicit_bzero(store, sizeof(*store));
	free(store);
}

static bool is_open(const struct store *store)
{
	return store->main.stage != STORE_LINK_CLOSED;
}

/* A whole round without a primary: then a pause. So is a primary that has given no answer. */
static void next_place(struct store *store, bool other, __u64 now)
{
	if (store->step == STORE_STEP_FOUND) {
		store->state.broken++;
		store->state.since = now;
		other = other || !store->proven;
		store->tried = store->proven ? 0 : store->tried + 1;
	} else {
		other = true;
		store->tried++;
	}
	store->turn += other;
	store->step = STORE_STEP_NEXT;
	if (store->tried && store->tried < store->address.count)
		return;
	store->state.failed += store->tried > 0;
	store->tried = 0;
	store->step = STORE_STEP_PAUSE;
	store->resume = now + store_pause(&store->pause);
}

static void break_main(struct store *store, int error, __u64 now)
{
	struct store_state *state = &store->state;

	store_place_format(&store->main.place, state->server, sizeof(state->server));
	snprintf(state->why, sizeof(state->why), "%s", store->main.why);
	next_place(store, error == -EAGAIN || error == -ETIMEDOUT, now);
	store_link_close(&store->main);
	store->expect_count = 0;
	/* Another server's calls, or those of the same one when it is found again. */
	store_hear_close(store);
	store->hear_pause = store->hear_resume = 0;
	fleet_broken(store->host, now);
}

/* What is to be asked next; who cannot even be connected to is passed over at once. */
static void begin(struct store *store, __u64 now)
{
	int error;

	if (store->step == STORE_STEP_PAUSE && now >= store->resume)
		store->step = STORE_STEP_NEXT;
	while (store->step == STORE_STEP_NEXT || store->step == STORE_STEP_NAMED) {
		error = store_find_begin(store, now);
		if (error)
			break_main(store, error, now);
	}
}

/* For what comes next: half of it for an address, and for a connection. */
static __u64 patience_now(const struct store *store)
{
	const enum store_link_stage stage = store->main.stage;
	const bool half = stage == STORE_LINK_NAMES || stage == STORE_LINK_CONNECTS;

	return store_patience(store) / (half ? 2 : 1);
}

static int time_out(struct store *store)
{
	const enum store_link_stage stage = store->main.stage;

	snprintf(store->main.why, sizeof(store->main.why), "no %s for %llu ms",
		 stage == STORE_LINK_NAMES      ? "address of that name"
		 : stage == STORE_LINK_CONNECTS ? "connection"
						: "answer",
		 patience_now(store) / NS_PER_MS);
	return -ETIMEDOUT;
}

/* Until when the replies that are to come are waited for. */
static __u64 deadline_of(const struct store *store)
{
	return store->asked + patience_now(store);
}

/* Whatever was called meanwhile waits there, and perhaps a new epoch. */
static void begin_talk(struct store *store, __u64 now)
{
	struct store_state *state = &store->state;

	store_place_format(&store->main.place, state->server, sizeof(state->server));
	state->found++;
	state->since = now;
	fleet_called(store->host);
}

static int take(struct store *store, const struct store_reply *reply, __u64 now)
{
	enum store_expect expect;
	int error;

	if (!store->expect_count) {
		error = store_refuse(&store->main, "without being asked", reply);
		return error;
	}
	expect = store->expects[0];
	memmove(store->expects, store->expects + 1,
		--store->expect_count * sizeof(store->expects[0]));
	if (store->step == STORE_STEP_FOUND)
		return store_talk_reply(store, expect, reply, now);
	error = store_find_reply(store, expect, reply);
	if (store->step == STORE_STEP_FOUND)
		begin_talk(store, now);
	return error;
}

static void receive(struct store *store, __u64 now)
{
	const bool named = store->main.stage == STORE_LINK_NAMES;
	char why[sizeof(store->main.why)];
	int error = store_link_work(&store->main), bad = 0, there = 0;
	const struct store_reply *reply;

	if (named && store->main.stage != STORE_LINK_NAMES)
		store->asked = now; /* what it took to find an address is over */
	copy_text(why, sizeof(why), store->main.why);
	while (!bad && is_open(store) && (there = store_link_next(&store->main, &reply)) > 0)
		bad = take(store, reply, now);
	if (!is_open(store)) /* a Sentinel has said all */
		return;
	/* What it said before it closed tells more. */
	if (!bad && !there && error)
		copy_text(store->main.why, sizeof(store->main.why), why);
	if (bad || there < 0 || error)
		break_main(store, bad ?: there < 0 ? there : error, now);
}

static void work(struct store *store, __u64 now)
{
	int error = 0;

	begin(store, now);
	/* Its answer may be there: we may have been kept from reading. */
	if (is_open(store) && store->expect_count && now >= deadline_of(store))
		receive(store, now);
	if (!is_open(store))
		return;
	if (store->step == STORE_STEP_FOUND)
		error = store_talk_send(store, now);
	if (!error && store->expect_count && now >= deadline_of(store))
		error = time_out(store);
	error = error ?: store_link_flush(&store->main);
	if (error)
		break_main(store, error, now);
}

static __u64 next_call(const struct store *store, __u64 now)
{
	__u64 until = now + CALL_AGAIN;

	store_hear_until(store, &until);
	if (store->main.eager)
		until = 0;
	if (!is_open(store) && store->resume < until)
		until = store->resume;
	if (is_open(store) && store->expect_count && deadline_of(store) < until)
		until = deadline_of(store);
	return until > now ? until : now;
}

size_t store_poll(struct store *store, struct pollfd *polls, __u64 now, __u64 *until)
{
	size_t count = 0;

	work(store, now);
	store_hear_work(store, false, now);
	if (is_open(store))
		polls[count++] = (struct pollfd){.fd = store->main.fd,
						 .events = store_link_events(&store->main)};
	if (store->hearing.stage != STORE_LINK_CLOSED)
		polls[count++] = (struct pollfd){.fd = store->hearing.fd,
						 .events = store_link_events(&store->hearing)};
	*until = next_call(store, now);
	return count;
}

void store_handle(struct store *store, const struct pollfd *polls, size_t count, __u64 now)
{
	int main = store->main.fd, hearing = store->hearing.fd;
	bool main_ready = store->main.eager, hearing_ready = store->hearing.eager;

	for (size_t i = 0; i < count; i++) {
		main_ready |= polls[i].revents && polls[i].fd == main;
		hearing_ready |= polls[i].revents && polls[i].fd == hearing;
	}
	if (hearing_ready && hearing >= 0)
		store_hear_work(store, true, now);
	if (main_ready && main >= 0)
		receive(store, now);
}

bool store_has_left(const struct store *store)
{
	const struct fleet_host *host = store->host;

	return host->leaving && !host->flying &&
	       (host->stage == FLEET_OUT || store->step != STORE_STEP_FOUND);
}

void store_state(const struct store *store, struct store_state *state)
{
	*state = store->state;
	state->stage = store->step == STORE_STEP_FOUND   ? STORE_READY
		       : store->step == STORE_STEP_PAUSE ? STORE_AWAY
							 : STORE_SEEKS;
	state->hears = store->hears;
	state->servers = store->servers;
}
