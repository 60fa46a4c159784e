// SPDX-License-Identifier: GPL-2.0-only
/*
 * fleet_client STORE [KEY=NUMBER|TEXT]...: a host of the fleet with the real store's client and
 *a kernel that is in memory. Keys: lease, renew, patience (ms), id, servers, prefix, tls_ca,
 *tls_cert, tls_key, sentinel_user, sentinel_password. Reads commands:
 *
 *	hold USER SESSIONS CAP   from now on clients try to have so many; fewer are closed at
 *once leave                    fleet_leave(); ends when the store has been told show prints
 *what there is as one line of JSON
 *
 * A session begins as soon as there is a unit and the deadline has not passed. Ends at the end
 *of its input.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/base/clock.h"
#include "user/base/escape.h"
#include "user/fleet/store.h"

#define USERS 64
#define TICK  (20 * NS_PER_MS) /* that refused clients come again */

struct person {
	char name[sizeof(struct fleet_key) + 1];
	__u32 wanted, cap, units, sessions;
};

static struct person people[USERS];
static size_t person_count;
static __u64 deadline;
static struct fleet_host host;
static struct store *store;

static struct fleet_settings settings = {
	.lease = 2 * NS_PER_SECOND,
	.renew = NS_PER_SECOND / 5,
	.patience = NS_PER_SECOND,
	.keep = 60 * NS_PER_SECOND,
	.unused = 60 * NS_PER_SECOND,
	.grace = NS_PER_SECOND,
	.retry = NS_PER_SECOND / 5,
	.users_max = USERS,
	.asks = 1000,
	.secret = {1, 2},
};
static struct store_settings how;

static struct person *person_of(const char *name)
{
	struct person *person = people;

	while (person < people + person_count && strcmp(person->name, name))
		person++;
	if (person < people + person_count)
		return person;
	if (person_count == USERS)
		exit(3);
	snprintf(person->name, sizeof(person->name), "%s", name);
	person_count++;
	return person;
}

static struct person *person_with(const struct fleet_key *key)
{
	char name[sizeof(*key) + 1] = {};

	memcpy(name, key, sizeof(*key));
	return person_of(name);
}

static __u32 read_sessions(void *ctx, __u32 index, const struct fleet_key *key)
{
	(void)ctx;
	(void)index;
	return person_with(key)->sessions;
}

static __u32 set_units(void *ctx, __u32 index, const struct fleet_key *key, __u32 units)
{
	struct person *person = person_with(key);

	(void)ctx;
	(void)index;
	person->units = units;
	return person->sessions;
}

static void set_deadline(void *ctx, __u64 time)
{
	(void)ctx;
	deadline = time;
}

/* Clients come and go. */
static void tick(__u64 now)
{
	for (struct person *person = people; person < people + person_count; person++) {
		struct fleet_key key = {};

		memcpy(&key, person->name, strlen(person->name));
		if (person->sessions > person->wanted) {
			person->sessions = person->wanted;
			fleet_ended(&host, &key);
		}
		while (person->sessions < person->wanted && person->sessions < person->units &&
		       now < deadline)
			person->sessions++;
		if (person->sessions < person->wanted)
			fleet_want(&host, &key, person->cap, person->sessions + 1, now);
	}
	fleet_tick(&host, now);
}

static void show(__u64 now)
{
	static const char *const stages[] = {"away", "seeks", "ready"};
	const struct fleet_counters *counters = &host.counters;
	struct store_state state;
	char why[2048], server[2048];

	store_state(store, &state);
	escape_json(why, sizeof(why), state.why, strlen(state.why));
	escape_json(server, sizeof(server), state.server, strlen(state.server));
	printf("{\"live\": %s, \"stage\": \"%s\", \"hears\": %s, \"server\": \"%s\", "
	       "\"why\": \"%s\", \"servers\": %u, \"found\": %llu, \"broken\": %llu, "
	       "\"failed\": %llu, \"epoch\": \"%s\", \"id\": \"%016llx\", \"answers\": %llu, "
	       "\"unconfirmed\": %llu, \"malformed\": %llu, \"joined\": %llu, \"users\": {",
	       now < deadline ? "true" : "false", stages[state.stage],
	       state.hears ? "true" : "false", server, why, state.servers, state.found,
	       state.broken, state.failed, host.epoch, host.id, counters->answers,
	       counters->unconfirmed, counters->malformed, counters->joined);
	for (size_t i = 0; i < person_count; i++)
		printf("%s\"%s\": [%u, %u]", i ? ", " : "", people[i].name, people[i].sessions,
		       people[i].units);
	printf("}}\n");
	fflush(stdout);
}

static void obey(char *line, __u64 now)
{
	unsigned int wanted, cap;
	char name[17];

	if (sscanf(line, "hold %16s %u %u", name, &wanted, &cap) == 3) {
		struct person *person = person_of(name);

		person->wanted = wanted;
		person->cap = cap;
	} else if (!strcmp(line, "show")) {
		show(now);
	} else if (!strcmp(line, "leave")) {
		fleet_leave(&host);
	} else {
		fprintf(stderr, "fleet_client: what is \"%s\"?\n", line);
		exit(2);
	}
}

static void listen_to_commands(__u64 now)
{
	static char text[4096];
	static size_t used;
	ssize_t size = read(STDIN_FILENO, text + used, sizeof(text) - 1 - used);
	char *line = text, *end;

	if (size <= 0)
		exit(0);
	used += size;
	text[used] = 0;
	for (; (end = strchr(line, '\n')); line = end + 1) {
		*end = 0;
		obey(line, now);
	}
	used -= line - text;
	memmove(text, line, used);
}

static int set_number(const char *key, __u64 number)
{
	if (!strcmp(key, "lease"))
		settings.lease = number * NS_PER_MS;
	else if (!strcmp(key, "renew"))
		settings.renew = number * NS_PER_MS;
	else if (!strcmp(key, "patience"))
		settings.patience = number * NS_PER_MS;
	else if (!strcmp(key, "servers"))
		how.servers = number;
	else
		return -EINVAL;
	return 0;
}

static void set(char *word, __u64 *id)
{
	const struct {
		const char *key;
		const char **text;
	} texts[] = {
		{"prefix", &how.prefix},
		{"tls_ca", &how.tls_ca},
		{"tls_cert", &how.tls_cert},
		{"tls_key", &how.tls_key},
		{"sentinel_user", &how.sentinel_user},
		{"sentinel_password", &how.sentinel_password},
	};
	char *value = strchr(word, '=');

	if (!value)
		exit(2);
	*value++ = 0;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (!strcmp(word, texts[i].key)) {
			*texts[i].text = value;
			return;
		}
	}
	if (!strcmp(word, "id"))
		*id = strtoull(value, NULL, 16);
	else if (set_number(word, strtoull(value, NULL, 10)))
		exit(2);
}

static void loop(void)
{
	__u64 now = clock_ns(CLOCK_BOOTTIME), until;

	while (!store_has_left(store)) {
		struct pollfd polls[1 + STORE_POLLS] = {{.fd = STDIN_FILENO, .events = POLLIN}};
		struct timespec wait;
		size_t count;

		tick(now);
		count = store_poll(store, polls + 1, now, &until);
		if (until > now + TICK)
			until = now + TICK;
		wait = clock_timespec(until - now);
		ppoll(polls, 1 + count, &wait, NULL);
		now = clock_ns(CLOCK_BOOTTIME);
		store_handle(store, polls + 1, count, now);
		if (polls[0].revents)
			listen_to_commands(now);
	}
}

int main(int argc, char **argv)
{
	const struct fleet_kernel kernel = {NULL, read_sessions, set_units, set_deadline, NULL};
	__u64 id = clock_ns(CLOCK_REALTIME) ^ (__u64)getpid() << 48;
	static struct store_address address;
	char why[256];

	signal(SIGPIPE, SIG_IGN);
	for (int i = 2; i < argc; i++)
		set(argv[i], &id);
	if (argc < 2 || store_address_parse(&address, argv[1], why, sizeof(why))) {
		fprintf(stderr, "fleet_client: %s\n", argc < 2 ? "which store?" : why);
		return 2;
	}
	if (fleet_host_init(&host, &settings, &kernel, id) ||
	    store_new(&store, &address, &how, &host))
		return 1;
	loop();
	show(clock_ns(CLOCK_BOOTTIME));
	store_free(store);
	fleet_host_free(&host);
	return 0;
}
