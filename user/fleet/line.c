// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/fleet/line.h"
#include "user/fleet/store.h"
#include "user/fleet/store_inside.h"

#define STEP_NS     (100 * NS_PER_MS) /* in which whoever wants to stop is heard */
#define PATIENCE_NS NS_PER_SECOND     /* with each of the store's places */
#define WORDS       16

/* Threads that ask for names: what remains is for the leases, on which more depends. */
#define NAMES (STORE_NAMES_MAX / 2)

/* The host is there for the store alone, and never says anything. */
struct line {
	struct fleet_host host;
	struct store *store;
	__u64 failed; /* rounds of its places that have, */
	__u64 late;   /* and those of them at whose end a name was still asked for */
};

static int make(struct line *line, const struct config_fleet *fleet)
{
	const struct fleet_settings quiet = {.patience = PATIENCE_NS, .users_max = 1};
	const struct store_settings settings = {
		.prefix = fleet->prefix,
		.servers = 1, /* nothing is to be acknowledged */
		.names = NAMES,
		.tls_ca = fleet->tls_ca,
		.tls_cert = fleet->tls_cert,
		.tls_key = fleet->tls_key,
		.sentinel_user = fleet->sentinel_user,
		.sentinel_password = fleet->sentinel_password,
	};
	int error = fleet_host_init(&line->host, &quiet, &(struct fleet_kernel){}, 0);

	if (error)
		return hc_error_errno(error, "cannot talk to the store");
	line->host.hold = ~0ull;
	return store_new(&line->store, &fleet->stores[0], &settings, &line->host);
}

static void wait_for(struct pollfd *polls, size_t count, __u64 now, __u64 until)
{
	const __u64 latest = now + STEP_NS;
	struct timespec patience;

	until = until < latest ? until : latest;
	patience = clock_timespec(until > now ? until - now : 0);
	ppoll(polls, count, &patience, NULL);
}

/* An answer is still to come, or to be used. */
static bool is_named(const struct store *store)
{
	for (int i = 0; i <= STORE_PLACES_MAX; i++)
		if (store->names[i])
			return true;
	return false;
}

/* The places are tried again and again until all names are there, and then all addresses. */
static bool goes_on(struct line *line, const struct store_state *state, __u64 now, __u64 until)
{
	/* Each takes another address of a name. */
	const __u64 rounds = line->store->main.addresses ?: 1;

	if (is_named(line->store))
		line->late += state->failed - line->failed;
	line->failed = state->failed;
	return now < until && line->failed - line->late < rounds;
}

/* 1: the primary is there; 0: not yet; or why not. */
static int seek(struct line *line, __u64 until, char why[LINE_WHY])
{
	struct pollfd polls[STORE_POLLS];
	struct store_state state;
	__u64 now = clock_ns(CLOCK_BOOTTIME), next;
	size_t count = store_poll(line->store, polls, now, &next);

	store_state(line->store, &state);
	if (state.stage != STORE_READY && goes_on(line, &state, now, until)) {
		wait_for(polls, count, now, next < until ? next : until);
		store_handle(line->store, polls, count, clock_ns(CLOCK_BOOTTIME));
		store_state(line->store, &state);
	}
	if (state.stage == STORE_READY)
		return 1;
	if (goes_on(line, &state, now, until))
		return 0;
	snprintf(why, LINE_WHY, "%s%s%s", state.server, *state.why ? ": " : "", state.why);
	return -EHOSTUNREACH;
}

static void swap_names(struct line *line, struct line_names *names)
{
	const struct line_names kept = *names;

	memcpy(names->each, line->store->names, sizeof(names->each));
	memcpy(line->store->names, kept.each, sizeof(kept.each));
}

int line_open(struct line **to, const struct config_fleet *fleet, __u64 until,
	      struct line_names *names, const atomic_bool *stop, char why[LINE_WHY])
{
	struct line *line = calloc(1, sizeof(*line));
	int found = 0, error;

	*to = NULL;
	snprintf(why, LINE_WHY, "it does not answer");
	error = line ? make(line, fleet) : -ENOMEM;
	if (!error)
		swap_names(line, names);
	while (!error && !found) {
		found = seek(line, until, why);
		error = found < 0 ? found : stop && atomic_load(stop) ? -EINTR : 0;
	}
	if (line && line->store)
		swap_names(line, names);
	if (error)
		line_close(line);
	else
		*to = line;
	return error;
}

void line_close(struct line *line)
{
	if (!line)
		return;
	store_free(line->store);
	fleet_host_free(&line->host);
	free(line);
}

void line_names_drop(struct line_names *names)
{
	for (int i = 0; i <= STORE_PLACES_MAX; i++)
		store_name_drop(names->each[i]);
	*names = (struct line_names){};
}

int line_fd(const struct line *line)
{
	return line->store->main.fd;
}

const char *line_why(const struct line *line)
{
	return line->store->main.why;
}

int line_send(struct line *line, const struct fleet_word *words, size_t count)
{
	struct store_link *link = &line->store->main;

	return store_link_send(link, words, count) ?: store_link_flush(link);
}

int line_hear(struct line *line, const struct store_reply **reply)
{
	struct store_link *link = &line->store->main;
	int there = store_link_next(link, reply), error;

	if (there)
		return there;
	error = store_link_work(link);
	/* What it said before it closed. */
	there = store_link_next(link, reply);
	return there ?: error;
}

static int await(struct line *line, __u64 until, const struct store_reply **reply)
{
	struct store_link *link = &line->store->main;
	int there = 0;
	__u64 now;

	while (!there && !(there = line_hear(line, reply))) {
		struct pollfd poller = {line_fd(line), store_link_events(link), 0};

		now = clock_ns(CLOCK_BOOTTIME);
		if (now >= until) {
			snprintf(link->why, sizeof(link->why), "no answer in time");
			return -ETIMEDOUT;
		}
		if (!link->eager)
			wait_for(&poller, 1, now, until);
	}
	return there > 0 ? 0 : there;
}

static int enter(struct line *line, const struct line *other, __u64 until)
{
	const struct store_address *address = &line->store->address;
	struct store_link *link = &line->store->main;
	const struct store_reply *reply;
	int error = store_link_open_beside(link, &other->store->main);

	if (!error)
		error = store_authenticate(link, address->user, address->password);
	if (error <= 0)
		return error;
	error = await(line, until, &reply);
	if (!error && !store_part_is(&reply->parts[0], STORE_STATUS, "OK"))
		error = store_refuse(link, "AUTH", reply);
	return error;
}

int line_open_beside(struct line **to, const struct line *other,
		     const struct config_fleet *fleet, __u64 until)
{
	struct line *line = calloc(1, sizeof(*line));
	int error = line ? make(line, fleet) : -ENOMEM;

	error = error ?: enter(line, other, until);
	*to = error ? NULL : line;
	if (error)
		line_close(line);
	return error;
}

int line_ask(struct line *line, const struct fleet_word *words, size_t count, __u64 until,
	     const struct store_reply **reply)
{
	return line_send(line, words, count) ?: await(line, until, reply);
}

int line_say(struct line *line, __u64 until, const struct store_reply **reply,
	     const char *const *texts)
{
	struct fleet_word words[WORDS];
	size_t count = 0;

	for (; count < WORDS && texts[count]; count++)
		words[count] = store_word(texts[count]);
	return line_ask(line, words, count, until, reply);
}
