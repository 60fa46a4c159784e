// SPDX-License-Identifier: GPL-2.0-only
/*
 * grants HOSTS USERS SERVERS STORE...: hosts of the fleet, each with a store's client for each
 * STORE (a shard, of so many servers); each asks for a unit of USERS users of its own, as fast
 * as messages go. In one thread. Prints users granted, ns from the first ask to the last grant,
 * ns of this process' CPU meanwhile, and messages.
 */
#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/clock.h"
#include "user/fleet/store.h"

#define HOSTS_MAX  64
#define SHARDS_MAX 16
#define CAP        32

struct shard {
	struct fleet_host host;
	struct store *store;
	__u64 granted;
};

static struct shard shards[HOSTS_MAX][SHARDS_MAX];
static struct store_address address;
static struct fleet_kernel kernel;
static unsigned int host_count, shard_count, user_count, ahead, asked[HOSTS_MAX];

static __u32 read_sessions(void *ctx, __u32 index, const struct fleet_key *key)
{
	(void)ctx;
	(void)index;
	(void)key;
	return 0;
}

static __u32 set_units(void *ctx, __u32 index, const struct fleet_key *key, __u32 units)
{
	(void)index;
	(void)key;
	((struct shard *)ctx)->granted += units > 0;
	return 0;
}

static void set_deadline(void *ctx, __u64 deadline)
{
	(void)ctx;
	(void)deadline;
}

static void open_shard(struct shard *shard, const char *place, __u32 servers, __u64 id)
{
	const struct fleet_settings settings = {
		.lease = NS_PER_SECOND,
		.renew = NS_PER_SECOND / 10,
		.patience = NS_PER_SECOND * 9 / 10,
		.keep = 600 * NS_PER_SECOND,
		.unused = 600 * NS_PER_SECOND,
		.grace = 600 * NS_PER_SECOND,
		.retry = 600 * NS_PER_SECOND,
		.users_max = user_count,
		.asks = 10000000,
		.secret = {id, 1},
	};
	const struct store_settings how = {.servers = servers};
	char why[256];

	if (store_address_parse(&address, place, why, sizeof(why)))
		errx(2, "%s", why);
	kernel = (struct fleet_kernel){shard, read_sessions, set_units, set_deadline, NULL};
	if (fleet_host_init(&shard->host, &settings, &kernel, id) ||
	    store_new(&shard->store, &address, &how, &shard->host))
		errx(1, "no memory");
}

/* A user's shard is decided by its key. */
static void ask_more(unsigned int host, __u64 now)
{
	while (asked[host] < user_count) {
		unsigned int number = asked[host];
		struct shard *shard = &shards[host][number % shard_count];
		struct fleet_key key = {};

		if (number / shard_count >= shard->granted + ahead)
			return;
		memcpy(key.bytes, &number, sizeof(number));
		key.bytes[4] = host;
		key.bytes[15] = 1;
		if (fleet_want(&shard->host, &key, CAP, 1, now))
			errx(1, "the table is full");
		asked[host]++;
	}
}

static __u64 turn(bool asks)
{
	struct pollfd polls[HOSTS_MAX * SHARDS_MAX * STORE_POLLS];
	size_t counts[HOSTS_MAX * SHARDS_MAX], all = 0, used = 0;
	__u64 now = clock_ns(CLOCK_BOOTTIME), until = now + NS_PER_SECOND, granted = 0, next;
	struct timespec wait;

	for (unsigned int i = 0; i < host_count; i++) {
		if (asks)
			ask_more(i, now);
		for (unsigned int j = 0; j < shard_count; j++) {
			counts[all] = store_poll(shards[i][j].store, polls + used, now, &next);
			used += counts[all++];
			until = next < until ? next : until;
		}
	}
	wait = clock_timespec(until - now);
	ppoll(polls, used, &wait, NULL);
	now = clock_ns(CLOCK_BOOTTIME);
	for (unsigned int i = 0, n = 0, at = 0; i < host_count; i++) {
		for (unsigned int j = 0; j < shard_count; j++, at += counts[n++]) {
			store_handle(shards[i][j].store, polls + at, counts[n], now);
			granted += shards[i][j].granted;
		}
	}
	return granted;
}

static bool is_ready(void)
{
	for (unsigned int i = 0; i < host_count; i++) {
		for (unsigned int j = 0; j < shard_count; j++) {
			const struct fleet_host *host = &shards[i][j].host;

			if (host->stage != FLEET_MEMBER || !host->ready)
				return false;
		}
	}
	return true;
}

int main(int argc, char **argv)
{
	__u64 begin, cpu, granted = 0, messages = 0, end;
	struct store_state state;

	signal(SIGPIPE, SIG_IGN);
	if (argc < 6 || argc > 5 + SHARDS_MAX || atoi(argv[1]) > HOSTS_MAX)
		errx(2, "grants HOSTS USERS SERVERS AHEAD STORE...");

	host_count = atoi(argv[1]);
	user_count = atoi(argv[2]);
	ahead = atoi(argv[4]);
	shard_count = argc - 5;
	for (unsigned int i = 0; i < host_count; i++) {
		for (unsigned int j = 0; j < shard_count; j++)
			open_shard(&shards[i][j], argv[5 + j], atoi(argv[3]),
				   clock_ns(CLOCK_REALTIME) * HOSTS_MAX + i);
	}
	end = clock_ns(CLOCK_BOOTTIME) + 20 * NS_PER_SECOND;
	while (!is_ready()) {
		turn(false);
		store_state(shards[0][0].store, &state);
		if (clock_ns(CLOCK_BOOTTIME) > end)
			errx(1, "no store: %s: %s", state.server, state.why);
	}
	begin = clock_ns(CLOCK_BOOTTIME);
	cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	end = begin + 60 * NS_PER_SECOND;
	while (granted < (__u64)user_count * host_count && clock_ns(CLOCK_BOOTTIME) < end)
		granted = turn(true);
	for (unsigned int i = 0; i < host_count; i++) {
		for (unsigned int j = 0; j < shard_count; j++)
			messages += shards[i][j].host.counters.messages;
	}
	printf("%llu %llu %llu %llu\n", granted, clock_ns(CLOCK_BOOTTIME) - begin,
	       clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu, messages);
	return 0;
}
