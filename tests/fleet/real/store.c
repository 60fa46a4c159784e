// SPDX-License-Identifier: GPL-2.0-only
/* store SOCKET HOSTS USERS ACKS SECONDS: hosts that each want two units of each user, whose cap
 * is three, at a real Redis; the kernel's words are in memory, a lease is a second. Prints what
 * came of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <hiredis/hiredis.h>

#include "user/base/clock.h"
#include "user/fleet/host.h"
#include "user/fleet/script.h"

#define CAP  3
#define NEED 2

struct machine {
	struct fleet_host fleet;
	redisContext *store;
	__u32 *units; /* by user */
	__u64 deadline;
	__u32 asked; /* users below have been asked for */
};

static unsigned int host_count, user_count, acks;
static char exchange[41], confirm[41];

static void __attribute__((noreturn)) fail(const char *what, const char *why)
{
	fprintf(stderr, "store: %s: %s\n", what, why);
	exit(1);
}

static __u32 user_of(const struct fleet_key *key)
{
	__u32 user;

	memcpy(&user, key, sizeof(user));
	return user;
}

static __u32 read_sessions(void *ctx, __u32 index, const struct fleet_key *key)
{
	struct machine *machine = ctx;

	(void)index;
	return machine->units[user_of(key)]; /* each unit is used at once */
}

static __u32 set_units(void *ctx, __u32 index, const struct fleet_key *key, __u32 units)
{
	struct machine *machine = ctx;

	(void)index;
	machine->units[user_of(key)] = units;
	return units;
}

static void set_deadline(void *ctx, __u64 deadline)
{
	((struct machine *)ctx)->deadline = deadline;
}

static redisReply *answer_of(redisContext *store, const char *what)
{
	void *reply = NULL;

	if (redisGetReply(store, &reply) || !reply)
		fail(what, store->errstr);
	if (((redisReply *)reply)->type == REDIS_REPLY_ERROR)
		fail(what, ((redisReply *)reply)->str);
	return reply;
}

static void load(redisContext *store, const char *text, char sha[41])
{
	redisReply *reply;

	redisAppendCommand(store, "SCRIPT LOAD %s", text);
	reply = answer_of(store, "SCRIPT LOAD");
	snprintf(sha, 41, "%s", reply->str);
	freeReplyObject(reply);
}

static void send_message(struct machine *machine, const struct fleet_message *message)
{
	const char *words[FLEET_WORDS + 6] = {"EVALSHA",       exchange,      "3",
					      "fleet:members", "fleet:units", "fleet:calls"};
	size_t lengths[FLEET_WORDS + 6];

	for (size_t i = 0; i < 6; i++)
		lengths[i] = strlen(words[i]);
	for (size_t i = 0; i < message->count; i++) {
		words[6 + i] = message->words[i].text;
		lengths[6 + i] = message->words[i].length;
	}
	redisAppendCommandArgv(machine->store, 6 + message->count, words, lengths);
	if (acks) {
		redisAppendCommand(machine->store, "WAIT %u 500", acks);
		redisAppendCommand(machine->store, "EVALSHA %s 0", confirm);
	}
	for (int done = 0; !done;) {
		if (redisBufferWrite(machine->store, &done))
			fail("write", machine->store->errstr);
	}
}

static void take_answer(struct machine *machine)
{
	struct fleet_word words[FLEET_FIXED + 2 * FLEET_PEERS], server = {};
	redisReply *reply = answer_of(machine->store, "exchange"), *waited = NULL, *said = NULL;
	size_t count = 0;

	for (; count < reply->elements && count < sizeof(words) / sizeof(words[0]); count++) {
		if (reply->element[count]->type != REDIS_REPLY_STRING)
			fail("answer", "not a string");
		words[count] = (struct fleet_word){reply->element[count]->str,
						   reply->element[count]->len};
	}
	if (acks) {
		waited = answer_of(machine->store, "WAIT");
		said = answer_of(machine->store, "confirm");
		server = (struct fleet_word){said->str, said->len};
	}
	if (fleet_receive(&machine->fleet, words, count, waited ? waited->integer : 0, &server,
			  clock_ns(CLOCK_BOOTTIME)))
		fail("answer", "not understood");
	freeReplyObject(reply);
	freeReplyObject(waited);
	freeReplyObject(said);
}

/* Asks for some thousands more, so that messages are full and the table is small. */
static void want(struct machine *machine, __u64 now)
{
	for (int i = 0; i < 512 && machine->asked < user_count; i++, machine->asked++) {
		struct fleet_key key = {};

		memcpy(&key, &machine->asked, sizeof(machine->asked));
		if (fleet_want(&machine->fleet, &key, CAP, NEED, now))
			fail("want", "the table is full");
	}
}

static void open_machine(struct machine *machine, const char *path, __u64 id)
{
	const struct fleet_kernel kernel = {machine, read_sessions, set_units, set_deadline,
					    NULL};
	const struct fleet_settings settings = {
		.lease = NS_PER_SECOND,
		.renew = NS_PER_SECOND / 10,
		.patience = NS_PER_SECOND * 9 / 10,
		.keep = 60 * NS_PER_SECOND,
		.unused = 60 * NS_PER_SECOND,
		.grace = 60 * NS_PER_SECOND,
		.retry = 60 * NS_PER_SECOND,
		.users_max = user_count,
		.asks = 10000000,
		.acks = acks,
		.secret = {id, 1},
	};

	machine->store = redisConnectUnix(path);
	if (!machine->store || machine->store->err)
		fail(path, machine->store ? machine->store->errstr : "no memory");
	machine->units = calloc(user_count, sizeof(*machine->units));
	if (!machine->units || fleet_host_init(&machine->fleet, &settings, &kernel, id))
		fail(path, "no memory");
	load(machine->store, fleet_script_exchange, exchange);
	load(machine->store, fleet_script_confirm, confirm);
}

/* One message of each host, so that the store works while the others are read. */
static void round_of(struct machine *machines, bool asks)
{
	bool sent[64] = {};

	for (unsigned int i = 0; i < host_count; i++) {
		__u64 now = clock_ns(CLOCK_BOOTTIME);
		const struct fleet_message *message;

		if (asks && machines[i].fleet.ready && machines[i].fleet.stage == FLEET_MEMBER)
			want(&machines[i], now);
		message = fleet_send(&machines[i].fleet, now);
		sent[i] = message;
		if (message)
			send_message(&machines[i], message);
	}
	for (unsigned int i = 0; i < host_count; i++) {
		if (sent[i])
			take_answer(&machines[i]);
	}
}

static __u64 granted(const struct machine *machines)
{
	__u64 sum = 0;

	for (unsigned int user = 0; user < user_count; user++) {
		__u32 units = 0;

		for (unsigned int i = 0; i < host_count; i++)
			units += machines[i].units[user];
		if (units > CAP)
			fail("units", "more than the cap");
		sum += units;
	}
	return sum;
}

int main(int argc, char **argv)
{
	__u64 begin, first = 0, last = 0, now;
	struct machine *machines;
	struct fleet_counters sum = {};

	if (argc != 6 || atoi(argv[2]) > 64)
		fail("usage", "store SOCKET HOSTS USERS ACKS SECONDS");
	host_count = atoi(argv[2]);
	user_count = atoi(argv[3]);
	acks = atoi(argv[4]);
	machines = calloc(host_count, sizeof(*machines));
	for (unsigned int i = 0; i < host_count; i++)
		open_machine(&machines[i], argv[1], clock_ns(CLOCK_REALTIME) * 64 + i);
	begin = clock_ns(CLOCK_BOOTTIME);
	do {
		bool over = true;

		now = clock_ns(CLOCK_BOOTTIME);
		/* Hosts of before are expelled by then. */
		round_of(machines, now - begin > 2 * NS_PER_SECOND);
		now = clock_ns(CLOCK_BOOTTIME);
		if (!first && machines[0].asked)
			first = now;
		for (unsigned int i = 0; i < host_count; i++)
			over = over && machines[i].asked == user_count &&
			       !machines[i].fleet.flying &&
			       machines[i].fleet.asks.first == FLEET_NONE;
		if (over && !last)
			last = now;
	} while (now - begin < atoi(argv[5]) * NS_PER_SECOND && !last);
	for (unsigned int i = 0; i < host_count; i++)
		fleet_counters_add(&sum, &machines[i].fleet.counters);
	printf("{\"granted\": %llu, \"asks\": %llu, \"messages\": %llu, \"unconfirmed\": %llu, "
	       "\"live\": %d, "
	       "\"asks_a_second\": %.0f}\n",
	       granted(machines), sum.asks, sum.messages, sum.unconfirmed,
	       machines[0].deadline > clock_ns(CLOCK_BOOTTIME),
	       last > first ? sum.asks * 1e9 / (last - first) : 0);
	return 0;
}
