// SPDX-License-Identifier: GPL-2.0-only
/* A host: its clients, its kernel part, and the process that runs user/fleet/. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fleet/sim.h"

/* While there is room a client is refused for at most so long. */
#define STARVES (4 * NS_PER_SECOND)

static struct world *world_of; /* for the words of the kernel */

uint64_t machine_clock(const struct world *world, const struct machine *machine)
{
	return machine->offset + world->now + (int64_t)(world->now / 1000000) * machine->rate;
}

bool machine_is_live(const struct world *world, const struct machine *machine)
{
	return machine_clock(world, machine) < machine->deadline;
}

static int number_of(const struct fleet_key *key)
{
	return key->bytes[0] - 1;
}

static struct fleet_key key_of(int user)
{
	return (struct fleet_key){{user + 1}};
}

static bool admits(const struct world *world, const struct machine *machine, int user)
{
	if (!machine_is_live(world, machine))
		return machine->sessions[user] < world->alone;
	return machine->sessions[user] < machine->units[user];
}

static void begin(struct world *world, struct machine *machine, int user)
{
	int host = machine - world->machine;
	uint64_t lasts =
		NS_PER_MS * (1 + sim_below(world, sim_chance(world, 300) ? 60000 : 4000));

	machine->sessions[user]++;
	world->admitted++;
	if (judge_held(world, user) >= world->cap[user])
		world->full[user] = world->now;
	sim_at(world, world->now + lasts, EVENT_END, host, user)->c = machine->boot;
}

static uint32_t kernel_sessions(void *ctx, uint32_t index, const struct fleet_key *key)
{
	(void)index;
	return ((struct machine *)ctx)->sessions[number_of(key)];
}

static uint32_t kernel_set_units(void *ctx, uint32_t index, const struct fleet_key *key,
				 uint32_t units)
{
	struct world *world = world_of;
	struct machine *machine = ctx;
	int user = number_of(key);
	bool more = units > machine->units[user];

	(void)index;
	/* A session that begins after the process has looked. */
	if (sim_chance(world, 50) && admits(world, machine, user))
		begin(world, machine, user);
	machine->honest[user] = units <= machine->sessions[user];
	machine->units[user] = units;
	if (more && machine->honest[user])
		judge_debt(world, user);
	return machine->sessions[user];
}

static void kernel_set_deadline(void *ctx, __u64 deadline)
{
	struct world *world = world_of;
	struct machine *machine = ctx;
	bool was = machine_is_live(world, machine);

	machine->deadline = deadline;
	if (was || !machine_is_live(world, machine))
		return;
	for (int user = 0; user < world->users; user++) {
		if (machine->honest[user])
			judge_debt(world, user);
	}
}

static void pump(struct world *world, int host)
{
	struct machine *machine = &world->machine[host];
	const struct fleet_message *message =
		fleet_send(&machine->fleet, machine_clock(world, machine));
	uint64_t time;
	struct parcel *parcel;

	if (!message)
		return;
	/* An older message is not waited for, whatever becomes of it. */
	time = sim_arrival(world, &world->to[host][machine->target]);
	if (!time)
		return;
	parcel = parcel_new(world, message);
	parcel->host = host;
	parcel->connection = machine->connection;
	parcel->id = machine->fleet.id;
	sim_at(world, time, EVENT_ARRIVE, machine->target, host)->p = parcel;
}

static void take_answer(struct world *world, int host, struct parcel *parcel)
{
	struct machine *machine = &world->machine[host];
	uint64_t now = machine_clock(world, machine);

	/* What comes on an older connection is read all the same, but not by another process.
	 */
	if (parcel->broken && parcel->connection == machine->connection) {
		machine->connection++;
		fleet_broken(&machine->fleet, now);
	} else if (!parcel->broken && parcel->id == machine->fleet.id) {
		const struct fleet_word confirm = {parcel->confirm, strlen(parcel->confirm)};
		int error = fleet_receive(&machine->fleet, parcel->reply.words,
					  parcel->reply.count, parcel->acks, &confirm, now);

		if (error && !fleet_plants)
			sim_wrong(world, "an answer is not understood");
	}
	parcel_free(parcel);
}

static void comes(struct world *world, struct client *client)
{
	struct machine *machine = &world->machine[client->host];
	struct fleet_key key = key_of(client->user);
	uint32_t sessions = machine->sessions[client->user];

	if (client->boot != machine->boot || admits(world, machine, client->user)) {
		if (client->boot == machine->boot)
			begin(world, machine, client->user);
		free(client);
		return;
	}
	world->refused++;
	if (machine->frozen <= world->now)
		fleet_want(&machine->fleet, &key, world->cap[client->user], sessions + 1,
			   machine_clock(world, machine));
	if (!world->healthy || world->now < world->settled || world->alone ||
	    judge_held(world, client->user) >= world->cap[client->user])
		client->began = world->now;
	if (client->began < world->full[client->user])
		client->began = world->full[client->user];
	if (world->now - client->began > world->longest)
		world->longest = world->now - client->began;
	if (world->now - client->began > STARVES)
		sim_wrong(world, "refused though there is room");
	if (client->left-- == 0) {
		free(client);
		return;
	}
	sim_at(world, world->now + NS_PER_MS * (200 + sim_below(world, 300)), EVENT_RETRY,
	       client->host, client->user)
		->p = client;
}

static void new_client(struct world *world, int host, int user)
{
	struct client *client = malloc(sizeof(*client));

	if (!client)
		abort();
	*client = (struct client){host, user, world->machine[host].boot, world->now,
				  sim_below(world, world->healthy ? 40 : 16)};
	comes(world, client);
	sim_at(world, world->now + NS_PER_MS * (1 + sim_below(world, world->pace)),
	       EVENT_CLIENT, host, user);
}

static void ends(struct world *world, const struct event *event)
{
	struct machine *machine = &world->machine[event->a];
	struct fleet_key key = key_of(event->b);

	if (machine->boot != event->c)
		return;
	machine->sessions[event->b]--;
	if (machine->frozen <= world->now && sim_chance(world, 800))
		fleet_ended(&machine->fleet, &key);
}

void machine_event(struct world *world, struct event *event)
{
	struct machine *machine = &world->machine[event->a];
	bool runs = machine->frozen <= world->now;
	uint64_t now = machine_clock(world, machine);

	world_of = world;
	switch (event->kind) {
	case EVENT_CLIENT:
		new_client(world, event->a, event->b);
		break;
	case EVENT_RETRY:
		comes(world, event->p);
		break;
	case EVENT_END:
		ends(world, event);
		break;
	case EVENT_TICK:
		if (runs)
			fleet_tick(&machine->fleet, now);
		sim_at(world, world->now + NS_PER_MS * (90 + sim_below(world, 20)), EVENT_TICK,
		       event->a, 0);
		break;
	case EVENT_REDIRECT:
		if (event->c < world->healed || (world->orderly && event->c <= machine->config))
			break;
		machine->config = event->c;
		machine->target = event->b;
		machine->connection++;
		break;
	case EVENT_PUBLISH:
		if (runs)
			fleet_called(&machine->fleet);
		break;
	default: /* an answer */
		if (runs)
			take_answer(world, event->a, event->p);
		else
			sim_again(world, event, machine->frozen);
	}
	if (machine->frozen <= world->now)
		pump(world, event->a);
}

/* A new process; the machine too, or the kernel has gone on. */
void machine_boot(struct world *world, int host, bool reboot)
{
	struct machine *machine = &world->machine[host];
	const struct fleet_kernel kernel = {machine, kernel_sessions, kernel_set_units,
					    kernel_set_deadline, NULL};
	const struct fleet_settings settings = {
		.lease = 10 * NS_PER_SECOND,
		.renew = NS_PER_SECOND,
		.patience = 2 * NS_PER_SECOND,
		.keep = (world->seed % 3 ? 60 : 10) * NS_PER_SECOND,
		.unused = 5 * NS_PER_SECOND,
		.grace = 600 * NS_PER_MS,
		.retry = 300 * NS_PER_MS,
		.users_max = 16,
		.asks = 1000,
		.spare = world->seed % 4,
		.acks = world->servers / 2,
		.secret = {1, 2},
	};

	world_of = world;
	sim_trace(world, "host %d begins, %s", host,
		  reboot ? "machine and all" : "the process");
	if (reboot) {
		machine->boot++;
		memset(machine->sessions, 0, sizeof(machine->sessions));
		memset(machine->units, 0, sizeof(machine->units));
		machine->deadline = 0;
	}
	machine->frozen = 0;
	machine->booted = world->now;
	machine->granted_by = 0;
	machine->connection++;
	fleet_counters_add(&world->counters, &machine->fleet.counters);
	fleet_host_free(&machine->fleet);
	if (fleet_host_init(&machine->fleet, &settings, &kernel, sim_random(world)))
		abort();
	for (int user = 0; user < world->users; user++) {
		struct fleet_key key = key_of(user);

		fleet_add(&machine->fleet, &key, world->cap[user]);
	}
}

void machine_start(struct world *world, int host)
{
	struct machine *machine = &world->machine[host];

	machine->offset = NS_PER_SECOND + sim_below(world, 1000 * NS_PER_SECOND);
	machine->rate = (int64_t)sim_below(world, 20001) - 10000;
	machine->target = world->primary;
	machine_boot(world, host, true);
	sim_at(world, world->now + sim_below(world, NS_PER_SECOND), EVENT_TICK, host, 0);
	for (int user = 0; user < world->users; user++)
		sim_at(world, world->now + sim_below(world, NS_PER_SECOND), EVENT_CLIENT, host,
		       user);
}

void machine_stop(struct world *world)
{
	for (int i = 0; i < world->hosts; i++) {
		fleet_counters_add(&world->counters, &world->machine[i].fleet.counters);
		fleet_host_free(&world->machine[i].fleet);
	}
}
