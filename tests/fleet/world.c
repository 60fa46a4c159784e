// SPDX-License-Identifier: GPL-2.0-only
/* The order of events, what is random, the net, and what goes wrong. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fleet/sim.h"

uint64_t sim_random(struct world *world)
{
	uint64_t z = world->random += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

uint64_t sim_below(struct world *world, uint64_t limit)
{
	return sim_random(world) % limit;
}

bool sim_chance(struct world *world, uint32_t in_thousand)
{
	return sim_below(world, 1000) < in_thousand;
}

bool sim_tracing(const struct world *world)
{
	return world->trace;
}

void sim_trace(struct world *world, const char *format, ...)
{
	va_list list;

	if (!world->trace)
		return;
	printf("%12.6f ", world->now / 1e9);
	va_start(list, format);
	vprintf(format, list);
	va_end(list);
	putchar('\n');
}

void sim_wrong(struct world *world, const char *what)
{
	if (!world->wrong)
		sim_trace(world, "WRONG: %s", what);
	world->wrong = world->wrong ?: what;
}

static bool is_before(const struct event *a, const struct event *b)
{
	return a->time != b->time ? a->time < b->time : a->order < b->order;
}

struct event *sim_at(struct world *world, uint64_t time, enum event_kind kind, int a, int b)
{
	struct event event = {
		.time = time, .order = ++world->order, .kind = kind, .a = a, .b = b};
	size_t at = world->events++;

	if (at == world->room) {
		world->room = world->room * 2 + 256;
		world->heap = realloc(world->heap, world->room * sizeof(event));
		if (!world->heap)
			abort();
	}
	for (; at && is_before(&event, &world->heap[(at - 1) / 2]); at = (at - 1) / 2)
		world->heap[at] = world->heap[(at - 1) / 2];
	world->heap[at] = event;
	return &world->heap[at];
}

void sim_again(struct world *world, const struct event *event, uint64_t time)
{
	struct event same = *event, *later = sim_at(world, time, same.kind, same.a, same.b);

	later->p = same.p;
	later->c = same.c;
	later->d = same.d;
}

static struct event take(struct world *world)
{
	struct event first = world->heap[0], last = world->heap[--world->events];
	size_t at = 0, child;

	while ((child = 2 * at + 1) < world->events) {
		if (child + 1 < world->events &&
		    is_before(&world->heap[child + 1], &world->heap[child]))
			child++;
		if (!is_before(&world->heap[child], &last))
			break;
		world->heap[at] = world->heap[child];
		at = child;
	}
	world->heap[at] = last;
	return first;
}

uint64_t sim_arrival(struct world *world, const struct link *link)
{
	if (world->now < link->cut || (link->loss && sim_chance(world, link->loss)))
		return 0;
	return world->now + 50000 + sim_below(world, link->delay ?: 2 * NS_PER_MS);
}

static struct link *any_link(struct world *world)
{
	int server = sim_below(world, world->servers), host = sim_below(world, world->hosts);

	switch (sim_below(world, 3)) {
	case 0:
		return &world->to[host][server];
	case 1:
		return &world->from[host][server];
	default:
		return &world->between[server][sim_below(world, world->servers)];
	}
}

/* Mostly short, sometimes longer than a lease. */
static uint64_t while_for(struct world *world)
{
	return world->now + NS_PER_MS * sim_below(world, sim_chance(world, 500) ? 3000 : 30000);
}

static void cut_off(struct world *world, int server)
{
	uint64_t until = while_for(world);

	sim_trace(world, "server %d is cut off from the others", server);
	for (int i = 0; i < world->servers; i++)
		world->between[server][i].cut = world->between[i][server].cut = until;
}

/* What it says does not arrive any more, but answers do, late. */
static void unheard(struct world *world, int host)
{
	uint64_t until = while_for(world);

	sim_trace(world, "host %d is not heard", host);
	for (int i = 0; i < world->servers; i++) {
		if (sim_chance(world, 300))
			world->to[host][i].cut = until;
		world->from[host][i].delay = 1900 * NS_PER_MS;
	}
}

/* All is forgotten, and a host is slow, and soon not heard: perhaps it has joined by then, but
 * not said what it has. */
static void forgotten(struct world *world, int host)
{
	cluster_wipe(world, world->primary, -1);
	for (int i = 0; i < world->servers; i++) {
		world->to[host][i].delay = world->from[host][i].delay = 900 * NS_PER_MS;
		world->to[host][i].cut = 0;
	}
	sim_at(world, world->now + NS_PER_MS * (500 + sim_below(world, 2500)), EVENT_FAULT,
	       host, 1);
}

static void cut_host(struct world *world, int host)
{
	sim_trace(world, "host %d is not heard for more than a lease", host);
	for (int i = 0; i < world->servers; i++)
		world->to[host][i].cut = world->now + 15 * NS_PER_SECOND;
}

static void fault(struct world *world)
{
	int server = sim_below(world, world->servers), host = sim_below(world, world->hosts);
	struct link *link = any_link(world);
	int kind;

	do
		kind = sim_below(world, 20);
	while (!(world->faults & 1 << kind));
	switch (kind) {
	case 0:
	case 1:
		link->cut = while_for(world);
		break;
	case 2:
		link->loss = sim_below(world, 300);
		break;
	case 3:
		link->delay = NS_PER_MS *
			      (1 + sim_below(world, sim_chance(world, 500) ? 100 : 15000));
		break;
	case 4:
		link->loss = link->delay = 0;
		break;
	case 5:
		world->server[server].frozen = while_for(world);
		sim_trace(world, "server %d is stopped", server);
		break;
	case 6:
		world->server[world->primary].frozen = while_for(world);
		sim_trace(world, "server %d, the primary, is stopped", world->primary);
		cluster_failover(world);
		break;
	case 7:
	case 8:
		cluster_failover(world);
		break;
	case 9:
		cut_off(world, world->primary);
		cluster_failover(world);
		break;
	case 10:
		cluster_restart(world, server, sim_below(world, 3));
		break;
	case 11:
		cluster_wipe(world, world->primary, (int)sim_below(world, 4) - 1);
		break;
	case 15:
		/* The first that comes knows nothing. */
		cluster_wipe(world, world->primary, -1);
		machine_boot(world, host, false);
		break;
	case 16:
		unheard(world, host);
		break;
	case 18:
		cluster_told_late(world);
		break;
	case 17:
		forgotten(world, host);
		break;
	case 12:
		world->machine[host].frozen = while_for(world);
		sim_trace(world, "host %d is stopped", host);
		break;
	case 13:
		if (world->now - world->machine[host].booted > 3 * NS_PER_SECOND)
			machine_boot(world, host, sim_chance(world, 300));
		break;
	case 14:
		world->server[server].saved = world->server[server].db;
		break;
	default:
		if (sim_chance(world, 100))
			fleet_leave(&world->machine[host].fleet);
	}
}

static void heal(struct world *world)
{
	world->healthy = true;
	sim_trace(world, "all is well from now on");
	memset(world->to, 0, sizeof(world->to));
	memset(world->from, 0, sizeof(world->from));
	memset(world->between, 0, sizeof(world->between));
	for (int i = 0; i < world->servers; i++) {
		if (world->server[i].frozen > world->now)
			world->server[i].frozen = world->now;
	}
	for (int i = 0; i < world->hosts; i++) {
		if (world->machine[i].frozen > world->now)
			world->machine[i].frozen = world->now;
		if (world->machine[i].fleet.leaving)
			machine_boot(world, i, false);
	}
	cluster_heal(world);
}

static void begin(struct world *world)
{
	world->hosts = 2 + sim_below(world, HOSTS - 1);
	world->users = 1 + sim_below(world, USERS);
	world->servers = sim_chance(world, 300) ? 1 : SERVERS;
	world->alone = sim_chance(world, 150) ? 1 + sim_below(world, 2) : 0;
	world->pace = 3000 << sim_below(world, 4);
	/* A few kinds of faults, often, come to more than all of them. */
	do
		world->faults = sim_random(world) & sim_random(world) & 0xfffff;
	while (!world->faults);
	if (sim_faults)
		world->faults = sim_faults;
	world->often = 500 << sim_below(world, 5);
	world->orderly = sim_chance(world, 300);
	world->primary = 0;
	world->config = 1;
	/* In some worlds little goes wrong, or nothing. */
	world->heal = NS_PER_SECOND * (sim_chance(world, 100) ? 0 : 80);
	world->settled = world->heal + 90 * NS_PER_SECOND;
	world->until = world->settled + 20 * NS_PER_SECOND;
	for (int i = 0; i < world->users; i++)
		world->cap[i] = world->allow[i] = 1 + sim_below(world, 5);
	cluster_start(world);
	for (int i = 0; i < world->hosts; i++)
		machine_start(world, i);
	sim_at(world, 12 * NS_PER_SECOND, EVENT_FAULT, 0, 0);
	sim_at(world, world->heal, EVENT_HEAL, 0, 0);
}

static void handle(struct world *world, struct event *event)
{
	switch (event->kind) {
	case EVENT_FAULT:
		if (world->healthy)
			break;
		if (event->b) {
			cut_host(world, event->a);
			break;
		}
		fault(world);
		sim_at(world, world->now + NS_PER_MS * (1 + sim_below(world, world->often)),
		       EVENT_FAULT, 0, 0);
		break;
	case EVENT_HEAL:
		heal(world);
		break;
	case EVENT_ARRIVE:
	case EVENT_WAIT:
	case EVENT_STREAM:
	case EVENT_ACK:
	case EVENT_ATTACH:
	case EVENT_PROMOTE:
	case EVENT_FOLLOW:
		cluster_event(world, event);
		break;
	default:
		machine_event(world, event);
	}
}

static void drop(struct event *event)
{
	if (event->kind == EVENT_ARRIVE || event->kind == EVENT_ANSWER)
		parcel_free(event->p);
	if (event->kind == EVENT_RETRY)
		free(event->p);
}

bool sim_run(struct world *world, uint64_t seed, bool trace)
{
	memset(world, 0, sizeof(*world));
	world->seed = world->random = seed;
	world->trace = trace;
	begin(world);
	while (!world->wrong) {
		struct event event = take(world);

		if (event.time > world->until) {
			drop(&event);
			break;
		}
		world->now = event.time;
		world->steps++;
		handle(world, &event);
		judge_look(world);
	}
	/* A message a second and host, and some for each client that comes or ends. */
	if (!world->wrong && world->scripts > 4 * (world->until / NS_PER_SECOND * world->hosts +
						   world->admitted + world->refused))
		sim_wrong(world, "a storm of messages");
	for (size_t i = 0; i < world->events; i++)
		drop(&world->heap[i]);
	cluster_stop(world);
	machine_stop(world);
	free(world->heap);
	return !world->wrong;
}
