// SPDX-License-Identifier: GPL-2.0-only
/*
 * Any bytes as what a store says, on both connections: the client keeps no more than it may,
 * the host never has units that it did not ask for, and time goes on. The input's first byte:
 * how many servers there are, and whether there is a password. Then parts: a byte with the
 * connection (bit 7), whether time passes (bit 6) and the length of what is said.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <hiredis/hiredis.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "user/base/clock.h"
#include "user/fleet/store.h"
#include "user/fleet/store_inside.h"

#define CAP  5
#define WANT 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct store_address address = {.kind = STORE_SOCKET, .count = 1};
static struct fleet_host host;
static struct store *store;
static int listener;
static __u64 now;

static void need(bool is_so)
{
	if (!is_so)
		abort();
}

static __u32 read_sessions(void *ctx, __u32 index, const struct fleet_key *key)
{
	(void)ctx;
	(void)index;
	(void)key;
	return 0;
}

static __u32 set_units(void *ctx, __u32 index, const struct fleet_key *key, __u32 units)
{
	(void)ctx;
	(void)index;
	(void)key;
	need(units <= WANT);
	return 0;
}

static void set_deadline(void *ctx, __u64 deadline)
{
	(void)ctx;
	need(deadline <= now + 10 * NS_PER_SECOND);
}

/* Anew for each input: nothing is left behind when the fuzzer ends. */
static int begin_listening(void)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	signal(SIGPIPE, SIG_IGN);
	snprintf(at.sun_path, sizeof(at.sun_path), "/tmp/fuzz_store.%d", getpid());
	strcpy(address.places[0].host, at.sun_path);
	unlink(at.sun_path);
	need(!bind(fd, (struct sockaddr *)&at, sizeof(at)) && !listen(fd, 4));
	return fd;
}

static void turn(void)
{
	struct pollfd polls[STORE_POLLS];
	__u64 until;
	size_t count = store_poll(store, polls, now, &until);

	need(count <= STORE_POLLS && until >= now && until <= now + 100 * NS_PER_MS);
	poll(polls, count, 0);
	store_handle(store, polls, count, now);
	need(store->main.reader.reader->len <= 512 << 10);
	need(store->main.reader.reply->count <= STORE_REPLY_PARTS);
	need(store->main.reader.reply->used <= STORE_REPLY_TEXT);
	need(store->expect_count < 8 && host.item_count <= FLEET_ITEMS);
}

/* What the client has begun to connect meanwhile takes the place of what was there. */
static void take_connections(int ends[2])
{
	int end;

	while ((end = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		/* The first is the main one; whenever that is new, so is the other. */
		int which = ends[0] >= 0 && store->step == STORE_STEP_FOUND;

		if (ends[which] >= 0)
			close(ends[which]);
		ends[which] = end;
	}
}

static void drain(int end)
{
	char bytes[65536];

	while (end >= 0 && recv(end, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		continue;
}

static void play(const uint8_t *data, size_t size)
{
	int ends[2] = {-1, -1};

	while (size) {
		uint8_t head = *data++;
		size_t part = head & 63;
		struct fleet_key key = {{1 + part % 3}};

		size--;
		if (part == 63)
			part = 1024;
		if (part > size)
			part = size;
		now += head & 64 ? NS_PER_SECOND / 2 : NS_PER_MS;
		fleet_want(&host, &key, CAP, WANT, now);
		fleet_tick(&host, now);
		turn();
		take_connections(ends);
		turn();
		if (ends[head >> 7] >= 0)
			send(ends[head >> 7], data, part, MSG_NOSIGNAL | MSG_DONTWAIT);
		turn();
		drain(ends[0]);
		drain(ends[1]);
		data += part;
		size -= part;
	}
	for (int i = 0; i < 2; i++) {
		if (ends[i] >= 0)
			close(ends[i]);
	}
	for (int i = 0; i < 4; i++)
		turn();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct fleet_kernel kernel = {NULL, read_sessions, set_units, set_deadline, NULL};
	const struct fleet_settings settings = {
		.lease = 10 * NS_PER_SECOND,
		.renew = NS_PER_SECOND,
		.patience = 2 * NS_PER_SECOND,
		.keep = 60 * NS_PER_SECOND,
		.unused = 5 * NS_PER_SECOND,
		.grace = NS_PER_SECOND,
		.retry = 300 * NS_PER_MS,
		.users_max = 4,
		.asks = 1000,
	};
	struct store_settings how = {};

	if (!size)
		return 0;
	listener = begin_listening();
	now = 1000 * NS_PER_SECOND;
	how.servers = 1 + data[0] % 2;
	strcpy(address.password, data[0] & 2 ? "pw" : "");
	need(!fleet_host_init(&host, &settings, &kernel, 0x1234));
	need(!store_new(&store, &address, &how, &host));
	play(data + 1, size - 1);
	store_free(store);
	fleet_host_free(&host);
	close(listener);
	unlink(address.places[0].host);
	return 0;
}
