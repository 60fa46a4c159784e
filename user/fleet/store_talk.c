// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "user/base/clock.h"
#include "user/fleet/store_inside.h"

/* So long a server waits for its replicas: then its answer comes before it is given up. */
static int ask_acks(struct store *store)
{
	char acks[16], timeout[24];
	__u64 ms = store_patience(store) * 3 / 4 / NS_PER_MS;
	const struct fleet_word wait[] = {
		store_word("WAIT"),
		{acks, snprintf(acks, sizeof(acks), "%u", store->host->settings.acks)},
		/* 0 would be for ever. */
		{timeout, snprintf(timeout, sizeof(timeout), "%llu", ms ?: 1)},
	};
	const struct fleet_word confirm[] = {store_word("EVALSHA"), store_word(store->confirm),
					     store_word("0")};

	return store_ask(store, wait, 3, STORE_EXPECT_WAIT)
		       ?: store_ask(store, confirm, 3, STORE_EXPECT_CONFIRM);
}

int store_talk_send(struct store *store, __u64 now)
{
	const struct fleet_message *message;
	struct fleet_word words[STORE_WORDS_MAX] = {
		store_word("EVALSHA"),    store_word(store->exchange),
		store_word("3"),          store_word(store->members),
		store_word(store->units), store_word(store->calls)};
	int error;

	if (store->expect_count)
		return 0;
	message = fleet_send(store->host, now);
	if (!message)
		return 0;
	memcpy(words + 6, message->words, message->count * sizeof(words[0]));
	store->asked = now;
	store->unloaded = false;
	store->answer_count = 0;
	store->acks = 0;
	error = store_ask(store, words, 6 + message->count, STORE_EXPECT_ANSWER);
	if (!error && store->host->settings.acks)
		error = ask_acks(store);
	return error;
}

static bool is_unloaded(struct store *store, const struct store_reply *reply)
{
	bool is = store_part_begins(&reply->parts[0], STORE_ERROR, "NOSCRIPT");

	store->unloaded = store->unloaded || is;
	return is;
}

/* The words stay where they are while the other replies come. */
static int take_answer(struct store *store, const struct store_reply *reply)
{
	const size_t max = sizeof(store->answer) / sizeof(store->answer[0]);

	if (is_unloaded(store, reply))
		return 0;
	if (reply->parts[0].kind != STORE_LIST || reply->count - 1 > max)
		return store_refuse(&store->main, "exchange.lua", reply);
	for (size_t i = 1; i < reply->count; i++) {
		if (reply->parts[i].kind != STORE_TEXT)
			return store_refuse(&store->main, "exchange.lua", reply);
		store->answer[store->answer_count++] = reply->parts[i].word;
	}
	store_reader_keep(&store->main.reader, &store->reply);
	return 0;
}

static int take_acks(struct store *store, const struct store_reply *reply)
{
	long long acks = reply->parts[0].number;

	if (reply->parts[0].kind != STORE_NUMBER || acks < 0)
		return store_refuse(&store->main, "WAIT", reply);
	store->acks = acks < 1000 ? acks : 1000;
	return 0;
}

/* All replies to a message have come. */
static int finish(struct store *store, const struct fleet_word *confirm, __u64 now)
{
	struct fleet_host *host = store->host;
	__u64 unconfirmed = host->counters.unconfirmed;

	if (store->unloaded) {
		fleet_broken(host, now);
		store->asked = now;
		return store_load_scripts(store);
	}
	store->state.round_trip = now - store->asked;
	if (fleet_receive(host, store->answer, store->answer_count, store->acks, confirm,
			  now)) {
		snprintf(store->main.why, sizeof(store->main.why), "no answer of exchange.lua");
		return -EPROTO;
	}
	if (host->counters.unconfirmed != unconfirmed) {
		snprintf(store->main.why, sizeof(store->main.why),
			 "its answer does not count: %u of %u replicas had the message%s",
			 store->acks, host->settings.acks,
			 store->acks < host->settings.acks ? "" : ", and one had just come");
		return -EAGAIN;
	}
	store->proven = true;
	store->pause = 0;
	return 0;
}

static int take_confirm(struct store *store, const struct store_reply *reply, __u64 now)
{
	const struct store_part *part = &reply->parts[0];

	if (!is_unloaded(store, reply) && part->kind != STORE_TEXT)
		return store_refuse(&store->main, "confirm.lua", reply);
	return finish(store, &part->word, now);
}

int store_talk_reply(struct store *store, enum store_expect expect,
		     const struct store_reply *reply, __u64 now)
{
	int error;

	switch (expect) {
	case STORE_EXPECT_ANSWER:
		error = take_answer(store, reply);
		/* Without replicas there is no other. */
		return error ?: (store->expect_count ? 0 : finish(store, NULL, now));
	case STORE_EXPECT_WAIT:
		return take_acks(store, reply);
	case STORE_EXPECT_CONFIRM:
		return take_confirm(store, reply, now);
	default:
		return store_find_reply(store, expect, reply); /* the scripts again */
	}
}
