// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "user/base/clock.h"
#include "user/base/number.h"
#include "user/fleet/script.h"
#include "user/fleet/store_inside.h"

#define SERVERS_MAX 64 /* that a Sentinel may know of */

__u64 store_patience(const struct store *store)
{
	return store->host->settings.patience ?: 2 * NS_PER_SECOND;
}

static int fail(struct store *store, const char *why)
{
	snprintf(store->main.why, sizeof(store->main.why), "%s", why);
	return -EPROTO;
}

static int load_script(struct store *store, const char *text, enum store_expect expect)
{
	const struct fleet_word words[] = {store_word("SCRIPT"), store_word("LOAD"),
					   store_word(text)};

	return store_ask(store, words, 3, expect);
}

int store_load_scripts(struct store *store)
{
	return load_script(store, fleet_script_exchange, STORE_EXPECT_EXCHANGE_SHA)
		       ?: load_script(store, fleet_script_confirm, STORE_EXPECT_CONFIRM_SHA);
}

static int open_main(struct store *store, const struct store_place *place, const char *user,
		     const char *password)
{
	const bool named = place == &store->named;
	size_t number = named ? STORE_PLACES_MAX : place - store->address.places;
	int error;

	store->expect_count = 0;
	store->proven = false;
	/* Of a name's addresses another one when all places have been asked. */
	error = store_link_open(&store->main, place, store->tls,
				store->turn / store->address.count, &store->names[number]);
	if (!error)
		error = store_authenticate(&store->main, user, password);
	if (error > 0)
		store->expects[store->expect_count++] = STORE_EXPECT_AUTH;
	return error < 0 ? error : 0;
}

/* All that there is to be asked at once; who is no primary is left at its first reply. */
static int ask_server(struct store *store, const struct store_place *place)
{
	const struct fleet_word role = store_word("ROLE");
	int error = open_main(store, place, store->address.user, store->address.password);

	error = error ?: store_ask(store, &role, 1, STORE_EXPECT_ROLE);
	return error ?: store_load_scripts(store);
}

static int ask_sentinel(struct store *store, const struct store_place *place)
{
	const struct fleet_word name = store_word(store->address.name);
	const struct fleet_word sentinel = store_word("SENTINEL");
	const struct fleet_word primary[] = {sentinel, store_word("GET-MASTER-ADDR-BY-NAME"),
					     name};
	const struct fleet_word replicas[] = {sentinel, store_word("REPLICAS"), name};
	int error = open_main(store, place, store->sentinel_user, store->sentinel_password);

	error = error ?: store_ask(store, primary, 3, STORE_EXPECT_PRIMARY);
	return error ?: store_ask(store, replicas, 3, STORE_EXPECT_REPLICAS);
}

int store_find_begin(struct store *store, __u64 now)
{
	const struct store_place *place =
		&store->address.places[store->turn % store->address.count];

	store->asked = now;
	if (store->step == STORE_STEP_NAMED) {
		store->step = STORE_STEP_SERVER;
		return ask_server(store, &store->named);
	}
	if (store->address.kind == STORE_SENTINELS) {
		store->step = STORE_STEP_SENTINEL;
		return ask_sentinel(store, place);
	}
	store->step = STORE_STEP_SERVER;
	return ask_server(store, place);
}

/* A Sentinel's word is as good as anybody's. */
static int take_primary(struct store *store, const struct store_reply *reply)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-:%";
	const struct store_part *host = &reply->parts[1], *port = &reply->parts[2];
	struct store_place *named = &store->named;
	char digits[8] = "";
	__u32 number;

	if (reply->parts[0].kind == STORE_NIL)
		return fail(store, "it knows no primary of this name");
	if (reply->count != 3 || reply->parts[0].kind != STORE_LIST ||
	    host->kind != STORE_TEXT || host->word.length >= sizeof(named->host) ||
	    port->kind != STORE_TEXT || port->word.length >= sizeof(digits))
		return store_refuse(&store->main, "SENTINEL", reply);
	memset(named, 0, sizeof(*named));
	memcpy(named->host, host->word.text, host->word.length);
	memcpy(digits, port->word.text, port->word.length);
	if (strspn(named->host, letters) != host->word.length || !host->word.length ||
	    strlen(digits) != port->word.length || number_parse(digits, 1, 65535, &number))
		return store_refuse(&store->main, "SENTINEL", reply);
	named->port = number;
	return 0;
}

static int take_replicas(struct store *store, const struct store_reply *reply)
{
	const struct store_part *list = &reply->parts[0];
	__u32 servers;

	if (list->kind != STORE_LIST || list->number >= SERVERS_MAX)
		return store_refuse(&store->main, "SENTINEL REPLICAS", reply);
	servers = list->number + 1;
	if (!store->servers_given && servers > store->servers) {
		store->servers = servers;
		store->host->settings.acks = servers / 2;
	}
	store_link_close(&store->main);
	store->step = STORE_STEP_NAMED;
	return 0;
}

/* A primary that has too few replicas cannot give an answer that counts. */
static int take_role(struct store *store, const struct store_reply *reply)
{
	const struct store_part *replicas = &reply->parts[3];

	if (reply->parts[0].kind != STORE_LIST || reply->count < 2 ||
	    reply->parts[1].kind != STORE_TEXT)
		return store_refuse(&store->main, "ROLE", reply);
	if (store_part_is(&reply->parts[1], STORE_TEXT, "slave"))
		return fail(store, "it is a replica");
	if (store_part_is(&reply->parts[1], STORE_TEXT, "sentinel"))
		return fail(store, "it is a Sentinel, and no server");
	if (!store_part_is(&reply->parts[1], STORE_TEXT, "master") || reply->count < 4 ||
	    replicas->kind != STORE_LIST)
		return store_refuse(&store->main, "ROLE", reply);
	if (replicas->number < store->host->settings.acks) {
		snprintf(store->main.why, sizeof(store->main.why),
			 "it is primary, but of %lld replicas: of %u servers %u must follow it",
			 replicas->number, store->servers, store->host->settings.acks);
		return -EPROTO;
	}
	return 0;
}

static int take_sha(struct store *store, const struct store_reply *reply, char *sha)
{
	const struct fleet_word *word = &reply->parts[0].word;

	if (reply->parts[0].kind != STORE_TEXT || word->length != STORE_SHA)
		return store_refuse(&store->main, "SCRIPT LOAD", reply);
	memcpy(sha, word->text, STORE_SHA);
	sha[STORE_SHA] = 0;
	return 0;
}

int store_find_reply(struct store *store, enum store_expect expect,
		     const struct store_reply *reply)
{
	int error;

	switch (expect) {
	case STORE_EXPECT_AUTH:
		return store_part_is(&reply->parts[0], STORE_STATUS, "OK")
			       ? 0
			       : store_refuse(&store->main, "AUTH", reply);
	case STORE_EXPECT_PRIMARY:
		return take_primary(store, reply);
	case STORE_EXPECT_REPLICAS:
		return take_replicas(store, reply);
	case STORE_EXPECT_ROLE:
		return take_role(store, reply);
	case STORE_EXPECT_EXCHANGE_SHA:
		return take_sha(store, reply, store->exchange);
	default:
		error = take_sha(store, reply, store->confirm);
		if (!error)
			store->step = STORE_STEP_FOUND;
		return error;
	}
}
