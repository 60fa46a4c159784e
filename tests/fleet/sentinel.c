// SPDX-License-Identifier: GPL-2.0-only
/* Who says which server is primary, and who hears of it when. */
#include "tests/fleet/sim.h"

/* Mostly all hear of it at once; some time one is late. */
static uint64_t hears(struct world *world)
{
	if (world->healthy || sim_chance(world, 700))
		return world->now + NS_PER_MS * (1 + sim_below(world, 2000));
	return world->now + NS_PER_MS * sim_below(world, 40000);
}

static void order(struct world *world, int primary)
{
	world->config++;
	world->primary = primary;
	sim_at(world, world->now + NS_PER_MS, EVENT_PROMOTE, primary, 0)->c = world->config;
	for (int i = 0; i < world->servers; i++) {
		if (i != primary)
			sim_at(world, hears(world), EVENT_FOLLOW, i, primary)->c =
				world->config;
	}
	for (int i = 0; i < world->hosts; i++)
		sim_at(world, hears(world), EVENT_REDIRECT, i, primary)->c = world->config;
}

void cluster_failover(struct world *world)
{
	int candidate = sim_below(world, world->servers);
	struct server *server = &world->server[candidate];

	if (candidate == world->primary || server->frozen > world->now)
		return;
	/* Only who is a replica of the last one that was chosen. */
	if (world->orderly && (server->primary || server->config != world->config))
		return;
	order(world, candidate);
}

/* The old primary and some hosts do not hear of a failover, and when others have got new
 * leases, its replica is told to follow it again. */
void cluster_told_late(struct world *world)
{
	int old = world->primary, new = (old + 1) % SERVERS, replica = (old + 2) % SERVERS;
	uint64_t late = world->now + NS_PER_MS * (11000 + sim_below(world, 8000));

	if (world->orderly || world->servers != SERVERS)
		return;
	world->config++;
	world->primary = new;
	sim_at(world, world->now, EVENT_PROMOTE, new, 0)->c = world->config;
	sim_at(world, world->now, EVENT_FOLLOW, replica, new)->c = world->config;
	sim_at(world, late, EVENT_FOLLOW, replica, old)->c = world->config;
	sim_at(world, late + 15 * NS_PER_SECOND, EVENT_FOLLOW, replica, new)->c = world->config;
	sim_at(world, late + 15 * NS_PER_SECOND, EVENT_FOLLOW, old, new)->c = world->config;
	for (int i = 0; i < world->hosts; i++)
		sim_at(world, sim_chance(world, 500) ? world->now : late + 15 * NS_PER_SECOND,
		       EVENT_REDIRECT, i, new)
			->c = world->config;
}

void cluster_heal(struct world *world)
{
	world->healed = world->config + 1;
	order(world, world->primary);
}
