// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/clock.h"
#include "user/base/human.h"
#include "user/base/log.h"
#include "user/base/words.h"
#include "user/daemon/fleet_tell.h"
#include "user/fleet/askers.h"
#include "user/kernel/fleet_record.h"

/* The number of an epoch, which its name begins with. */
static unsigned long number_of(const char *epoch)
{
	return strtoul(epoch, NULL, 10);
}

/* What is wrong, if anything is known. */
static void why_of(const struct shard *shard, const struct store_state *state, char *why,
		   size_t size)
{
	const struct fleet_answer *answer = &shard->host.answer;

	*why = '\0';
	if (shard->faulty)
		snprintf(why, size, "the kernel part failed");
	else if (state->stage == STORE_READY && shard->host.stage == FLEET_OUT &&
		 answer->status == FLEET_LEASE)
		snprintf(why, size, "the other hosts have another lease than %llu s",
			 shard->host.settings.lease / NS_PER_SECOND);
	else if (state->stage != STORE_READY)
		snprintf(why, size, "%s", state->why);
	else if (shard->host.settings.acks && shard->host.counters.unconfirmed)
		snprintf(why, size, "%u other servers are to have each message, and have not",
			 shard->host.settings.acks);
}

static void fill_counts(struct hc_fleet_counts *counts, const struct fleet_counters *from,
			const struct store_state *state)
{
	*counts = (struct hc_fleet_counts){
		.messages = from->messages,
		.answers = from->answers,
		.late = from->late,
		.unconfirmed = from->unconfirmed,
		.malformed = from->malformed,
		.given_up = from->given_up,
		.joined = from->joined,
		.carried = from->carried,
		.expelled = from->expelled,
		.asks = from->asks,
		.short_of = from->short_of,
		.full = from->full,
		.found = state->found,
		.broken = state->broken,
		.failed = state->failed,
	};
}

static void fill_shard(struct hc_fleet_shard *into, const struct shard *shard, __u64 now)
{
	const struct fleet_host *host = &shard->host;
	struct store_state state;

	store_state(shard->store, &state);
	*into = (struct hc_fleet_shard){
		.deadline_ns = shard->faulty ? 0 : host->deadline,
		.round_trip_ns = state.round_trip,
		.members = host->peers.count,
		.servers = state.servers,
		.stage = host->stage,
		.ready = host->ready,
		.reached = state.stage == STORE_READY,
		.hears = state.hears,
	};
	if (shard->alone)
		into->alone_since_ns = clock_realtime_ns() - (now - shard->alone_since_ns);
	fill_counts(&into->counts, &host->counters, &state);
	snprintf(into->epoch, sizeof(into->epoch), "%s", host->epoch);
	snprintf(into->server, sizeof(into->server), "%.*s", HC_FLEET_PLACE - 1, state.server);
	if (shard->alone || !into->reached || host->stage == FLEET_OUT)
		why_of(shard, &state, into->why, sizeof(into->why));
}

/* What this host holds. */
static void count_users(struct hc_fleet_status *status, const struct fleet_table *table)
{
	for (__u32 i = 0; i < table->high; i++) {
		const struct fleet_user *user = &table->users[i];

		if (!(user->flags & FLEET_USER_THERE) || !user->units)
			continue;
		status->users++;
		status->units += user->units;
		if (user->units > user->cap)
			status->debts += user->units - user->cap;
	}
}

static void publish(struct fleet_teller *teller, const struct shard *shards, __u32 count,
		    const struct shard_common *common, __u64 now)
{
	struct hc_fleet_status *status = &teller->status;
	__u64 asks = 0, passed = now - teller->published_ns;

	status->users = status->units = status->debts = 0;
	status->shards = count;
	status->time_ns = now;
	status->closed = common->closed + common->closed_alone;
	for (int i = 0; i < HC_ASKED_RESULTS; i++)
		status->asked[i] = askers_counted(i);
	status->lease_ns = shards->host.settings.lease;
	for (__u32 i = 0; i < count; i++) {
		fill_shard(&status->shard[i], &shards[i], now);
		count_users(status, &shards[i].host.table);
		asks += shards[i].host.counters.asks;
	}
	/* What is published in between, after a change, is no second. */
	if (passed >= NS_PER_SECOND) {
		status->asks_a_second = (asks - teller->asks) * NS_PER_SECOND / passed;
		teller->asks = asks;
		teller->published_ns = now;
	}
	teller->changed = false;
	fleet_record_write(teller->object, status);
}

static void tell_news(struct fleet_teller *teller, const struct shard *shard, __u64 now)
{
	const __u64 monotonic_ns = clock_monotonic_ns();
	struct store_state state;
	struct print_fleet news = {
		.time_ns = monotonic_ns,
		.alone = shard->alone,
		.since_ns = monotonic_ns - (now - shard->alone_since_ns),
		.means = teller->status.alone,
		.members = shard->host.peers.count,
	};

	store_state(shard->store, &state);
	snprintf(news.store, sizeof(news.store), "%.*s", HC_FLEET_PLACE - 1, state.server);
	teller->take(teller->context, &news);
	teller->changed = true;
}

static void tell_alone(struct fleet_teller *teller, struct shard *shard, __u64 now)
{
	struct store_state state;
	char why[256];

	store_state(shard->store, &state);
	why_of(shard, &state, why, sizeof(why));
	shard->alone = shard->told = true;
	shard->alone_since_ns = shard->last_deadline;
	hc_error("fleet: no lease from the store at %s for %llu s%s%s: this host is alone, and "
		 "alone = %s holds%s",
		 state.server, shard->host.settings.lease / NS_PER_SECOND, *why ? ": " : "",
		 why, word_of_alone(teller->status.alone),
		 teller->status.alone == HC_ALONE_CLOSE && !shard->had_lease
			 ? "; there has been no lease yet, so no session is closed"
			 : "");
	tell_news(teller, shard, now);
}

static void tell_joined(struct fleet_teller *teller, struct shard *shard, __u64 now)
{
	const bool was_alone = shard->alone;
	const __u64 since = shard->alone_since_ns;
	struct store_state state;
	char after[HUMAN_TEXT];

	store_state(shard->store, &state);
	shard->alone = false;
	if (was_alone)
		hc_notice("fleet: the store at %s is back after %s; epoch %lu, which %s",
			  state.server, human_duration((now - since) / NS_PER_SECOND, after),
			  number_of(shard->host.epoch),
			  shard->host.ready ? "grants" : "learns");
	else
		hc_notice("fleet: %s is a member at the store %s; epoch %lu, which %s",
			  teller->status.name, state.server, number_of(shard->host.epoch),
			  shard->host.ready ? "grants" : "learns");
	if (was_alone)
		tell_news(teller, shard, now);
	shard->told = teller->changed = true;
}

/* The store has lost its memory, or there is another. */
static void tell_epoch(struct fleet_teller *teller, struct shard *shard)
{
	const struct fleet_host *host = &shard->host;
	bool other = strcmp(shard->epoch, host->epoch);

	if (other && *shard->epoch)
		hc_notice("fleet: the store has begun epoch %lu: it grants nothing new until "
			  "all hosts have told it what they hold",
			  number_of(host->epoch));
	else if (host->ready && !shard->ready && shard->told && !shard->alone)
		hc_notice("fleet: epoch %lu grants", number_of(host->epoch));
	if (other || host->ready != shard->ready)
		teller->changed = true;
	strcpy(shard->epoch, host->epoch);
	shard->ready = host->ready;
}

static void look(struct fleet_teller *teller, struct shard *shard, __u64 now)
{
	const __u64 deadline = shard->faulty ? 0 : shard->host.deadline;
	const bool live = now < deadline;

	if (live) {
		shard->last_deadline = deadline;
		shard->had_lease = true;
	}
	if (live && (!shard->told || shard->alone)) {
		strcpy(shard->epoch, shard->host.epoch);
		shard->ready = shard->host.ready;
		tell_joined(teller, shard, now);
	} else if (!live && !shard->alone && now >= shard->last_deadline &&
		   (shard->told || now - shard->last_deadline >= shard->host.settings.lease)) {
		tell_alone(teller, shard, now);
	}
	if (*shard->host.epoch)
		tell_epoch(teller, shard);
}

void fleet_tell(struct fleet_teller *teller, struct shard *shards, __u32 count,
		const struct shard_common *common, __u64 now)
{
	for (__u32 i = 0; i < count; i++)
		look(teller, &shards[i], now);
	if (teller->changed || now - teller->published_ns >= NS_PER_SECOND)
		publish(teller, shards, count, common, now);
}

void fleet_tell_end(struct fleet_teller *teller)
{
	fleet_record_clear(teller->object);
}
