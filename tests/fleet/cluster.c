// SPDX-License-Identifier: GPL-2.0-only
/* Servers, and the stream to replicas. */
#include <stdio.h>
#include <string.h>

#include "tests/fleet/sim.h"

struct run_of {
	struct world *world;
	int server;
};

static void name_anew(struct world *world, struct server *server)
{
	snprintf(server->replid, sizeof(server->replid), "%024d%016llx", 0,
		 (unsigned long long)sim_random(world));
}

static void answer(struct world *world, int from, struct parcel *parcel)
{
	uint64_t time = sim_arrival(world, &world->from[parcel->host][from]);
	struct event *event;

	/* confirm.lua runs now. */
	snprintf(parcel->confirm, sizeof(parcel->confirm), "%s.%u.0",
		 world->server[from].replid,
		 sim_plants & SIM_PLANT_SYNCS ? 0 : world->server[from].syncs);
	if (!time) {
		parcel_free(parcel);
		return;
	}
	event = sim_at(world, time, EVENT_ANSWER, parcel->host, from);
	event->p = parcel;
}

static void close_connections(struct world *world, int number)
{
	struct server *server = &world->server[number];

	while (server->waiting) {
		struct parcel *parcel = server->waiting;

		server->waiting = parcel->next;
		parcel->broken = true;
		answer(world, number, parcel);
	}
}

static void detach(struct world *world, int replica)
{
	struct server *server = &world->server[replica];

	server->session++;
	server->attached = false;
	if (!server->primary)
		sim_at(world, world->now + NS_PER_MS * (50 + sim_below(world, 1000)),
		       EVENT_ATTACH, replica, 0)
			->c = server->config;
}

static void detach_all(struct world *world, int primary)
{
	for (int i = 0; i < world->servers; i++) {
		if (i != primary && world->server[i].upstream == primary)
			detach(world, i);
	}
}

/* Nothing of what it had as a primary before is known to this one. */
static void begin_stream(struct world *world, int number)
{
	struct server *server = &world->server[number];

	name_anew(world, server);
	server->offset = 0;
	server->stream++;
	server->syncs = 0;
	memset(server->acked, 0, sizeof(server->acked));
	close_connections(world, number);
	detach_all(world, number);
}

static void stream(void *ctx, const struct effect *effect)
{
	struct run_of *run = ctx;
	struct server *server = &run->world->server[run->server];

	server->log[server->offset++ % LOG] = *effect;
}

/* One event for all writes of a script. */
static void stream_out(struct world *world, int primary)
{
	for (int i = 0; i < world->servers; i++) {
		struct server *replica = &world->server[i];
		uint64_t time;
		struct event *event;

		if (i == primary || replica->primary || replica->upstream != primary ||
		    !replica->attached)
			continue;
		time = sim_arrival(world, &world->between[primary][i]);
		if (!time) {
			detach(world, i);
			continue;
		}
		if (time < replica->arrives)
			time = replica->arrives;
		replica->arrives = time;
		event = sim_at(world, time, EVENT_STREAM, i, primary);
		event->c = replica->session;
		event->d = world->server[primary].offset;
	}
}

static void publish(void *ctx, uint64_t id)
{
	struct run_of *run = ctx;
	struct world *world = run->world;

	for (int i = 0; i < world->hosts; i++) {
		uint64_t time = sim_arrival(world, &world->from[i][run->server]);

		if (world->machine[i].fleet.id == id &&
		    world->machine[i].target == run->server && time)
			sim_at(world, time, EVENT_PUBLISH, i, 0);
	}
}

static int acks_of(const struct world *world, int number, uint64_t offset)
{
	int acks = 0;

	for (int i = 0; i < world->servers; i++)
		acks += i != number && world->server[number].acked[i] >= offset;
	return acks;
}

static void take_message(struct world *world, int number, struct parcel *parcel)
{
	struct server *server = &world->server[number];
	struct run_of ctx = {world, number};
	struct script_run run = {&server->db, server->replid, server->syncs,
				 stream,      publish,        &ctx};
	uint64_t before = server->offset;

	parcel->broken = !server->primary;
	if (parcel->broken) {
		answer(world, number, parcel);
		return;
	}
	script_run(&run, &parcel->message, &parcel->reply);
	judge_granted(world, server, parcel);
	world->scripts++;
	if (sim_tracing(world))
		sim_trace(world, "server %d: %s", number, parcel_text(parcel));
	if (server->offset != before)
		stream_out(world, number);
	parcel->offset = server->offset;
	parcel->acks = 0;
	if (world->servers == 1) {
		answer(world, number, parcel);
		return;
	}
	parcel->next = server->waiting;
	server->waiting = parcel;
	sim_at(world, world->now + 500 * NS_PER_MS, EVENT_WAIT, number, 0)->d = parcel->serial;
}

/* And to one, whatever it has. */
static void take_acks(struct world *world, int number, uint64_t serial)
{
	struct server *server = &world->server[number];
	struct parcel **at = &server->waiting;

	while (*at) {
		struct parcel *parcel = *at;

		parcel->acks = acks_of(world, number, parcel->offset);
		if (parcel->serial == serial || parcel->acks >= world->servers / 2) {
			*at = parcel->next;
			answer(world, number, parcel);
		} else {
			at = &parcel->next;
		}
	}
}

/* It has all up to here, whenever that was written. */
static void acknowledge(struct world *world, int number)
{
	struct server *replica = &world->server[number];
	uint64_t time = sim_arrival(world, &world->between[number][replica->upstream]);
	struct event *ack;

	if (!time)
		return;
	ack = sim_at(world, time, EVENT_ACK, replica->upstream, number);
	ack->c = world->server[replica->upstream].stream;
	ack->d = replica->applied;
}

static void take_stream(struct world *world, const struct event *event)
{
	struct server *replica = &world->server[event->a];
	struct server *primary = &world->server[event->b];

	if (replica->session != event->c || replica->applied >= event->d)
		return;
	if (primary->offset - replica->applied >= LOG) {
		detach(world, event->a);
		return;
	}
	while (replica->applied < event->d)
		db_apply(&replica->db, &primary->log[replica->applied++ % LOG]);
	acknowledge(world, event->a);
}

/* The whole of it at once. */
static void attach(struct world *world, const struct event *event)
{
	struct server *replica = &world->server[event->a], *primary;

	if (replica->primary || replica->config != event->c || replica->attached)
		return;
	primary = &world->server[replica->upstream];
	if (!primary->primary || primary->frozen > world->now ||
	    !sim_arrival(world, &world->between[replica->upstream][event->a]) ||
	    !sim_arrival(world, &world->between[event->a][replica->upstream])) {
		sim_at(world, world->now + 500 * NS_PER_MS, EVENT_ATTACH, event->a, 0)->c =
			event->c;
		return;
	}
	replica->attached = true;
	primary->syncs++;
	replica->session++;
	replica->db = primary->db;
	replica->applied = primary->offset;
	replica->arrives = 0;
	acknowledge(world, event->a);
	sim_trace(world, "server %d follows %d", event->a, replica->upstream);
}

/* A Sentinel that has missed something says again what was before. */
static bool is_old(const struct world *world, const struct server *server, uint32_t config)
{
	return config < world->healed || (world->orderly && config <= server->config);
}

static void promote(struct world *world, const struct event *event)
{
	struct server *server = &world->server[event->a];

	if (is_old(world, server, event->c) || server->primary)
		return;
	server->config = event->c;
	server->primary = true;
	server->attached = false;
	server->session++;
	begin_stream(world, event->a);
	sim_trace(world, "server %d is primary, as %s", event->a, server->replid);
}

static void follow(struct world *world, const struct event *event)
{
	struct server *server = &world->server[event->a];

	if (is_old(world, server, event->c) ||
	    (!server->primary && server->upstream == event->b))
		return;
	server->config = event->c;
	server->primary = false;
	server->upstream = event->b;
	close_connections(world, event->a);
	detach_all(world, event->a);
	detach(world, event->a);
	sim_trace(world, "server %d is to follow %d", event->a, event->b);
}

void cluster_restart(struct world *world, int number, int memory)
{
	struct server *server = &world->server[number];

	sim_trace(world, "server %d restarts, memory %d", number, memory);
	if (memory == 0)
		memset(&server->db, 0, sizeof(server->db));
	else if (memory == 1)
		server->db = server->saved;
	if (server->primary)
		begin_stream(world, number);
	else
		detach(world, number);
}

void cluster_start(struct world *world)
{
	for (int i = 0; i < world->servers; i++) {
		struct server *server = &world->server[i];

		server->config = world->config;
		server->primary = i == world->primary;
		server->upstream = server->primary ? -1 : world->primary;
		name_anew(world, server);
		if (!server->primary)
			detach(world, i);
	}
}

void cluster_stop(struct world *world)
{
	for (int i = 0; i < world->servers; i++) {
		while (world->server[i].waiting) {
			struct parcel *parcel = world->server[i].waiting;

			world->server[i].waiting = parcel->next;
			parcel_free(parcel);
		}
	}
}

/* What nobody did is lost: the data, or one of the hashes. */
void cluster_wipe(struct world *world, int number, int hash)
{
	struct server *server = &world->server[number];
	struct run_of run = {world, number};
	struct effect effect = {.hash = -1};

	sim_trace(world, "server %d loses hash %d", number, hash);
	if (hash < 0) {
		db_apply(&server->db, &effect);
		stream(&run, &effect);
	}
	while (hash >= 0 && server->db.hashes[hash].count) {
		effect = (struct effect){hash, true, server->db.hashes[hash].fields[0]};
		db_apply(&server->db, &effect);
		stream(&run, &effect);
	}
	stream_out(world, number);
}

void cluster_event(struct world *world, struct event *event)
{
	struct server *server = &world->server[event->a];

	if (server->frozen > world->now) {
		sim_again(world, event, server->frozen);
		return;
	}
	switch (event->kind) {
	case EVENT_ARRIVE:
		take_message(world, event->a, event->p);
		break;
	case EVENT_WAIT:
		take_acks(world, event->a, event->d);
		break;
	case EVENT_STREAM:
		take_stream(world, event);
		break;
	case EVENT_ACK:
		if (server->stream == event->c && server->acked[event->b] < event->d)
			server->acked[event->b] = event->d;
		take_acks(world, event->a, 0);
		break;
	case EVENT_ATTACH:
		attach(world, event);
		break;
	case EVENT_PROMOTE:
		promote(world, event);
		break;
	default:
		follow(world, event);
	}
}
