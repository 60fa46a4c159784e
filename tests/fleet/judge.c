// SPDX-License-Identifier: GPL-2.0-only
/* The judge: what all hosts together may have. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fleet/sim.h"

static uint32_t sum_live(const struct world *world, int user)
{
	uint32_t sum = 0;

	for (int i = 0; i < world->hosts; i++)
		sum += machine_is_live(world, &world->machine[i])
			       ? world->machine[i].units[user]
			       : 0;
	return sum;
}

/* What a server has down for the host, or -1 if it does not know it. */
static int recorded(const struct server *server, const struct machine *machine, int user)
{
	const struct field *field;
	char id[20], value[sizeof(field->value) + 1], tag[24], *at;

	snprintf(id, sizeof(id), "%016llx", machine->fleet.id);
	field = db_find(&server->db, 0, id, 16);
	if (!field)
		return -1;
	snprintf(tag, sizeof(tag), " %.*s=", (int)strcspn(field->value, " "), field->value);
	field = db_find(&server->db, 1, (char *)&(struct fleet_key){{user + 1}}, 16);
	if (!field)
		return 0;
	snprintf(value, sizeof(value), " %.*s", field->value_length, field->value);
	at = strstr(value, tag);
	return at ? atoi(at + strlen(tag)) : 0;
}

void judge_granted(struct world *world, const struct server *server,
		   const struct parcel *parcel)
{
	struct machine *machine = &world->machine[parcel->host];
	const struct fleet_word *n = &parcel->message.words[1];
	char text[24];

	if (parcel->id != machine->fleet.id)
		return;
	snprintf(text, sizeof(text), "%.*s", (int)n->length, n->text);
	machine->granted_by = strtoull(text, NULL, 10);
	for (int user = 0; user < world->users; user++) {
		int down = recorded(server, machine, user);

		machine->granted[user] = down > 0 ? (uint32_t)down : 0;
	}
}

/* What all hold, or will when an answer arrives, or when they come back before they are
 * expelled. */
static uint32_t sum_all(const struct world *world, int user)
{
	uint32_t sum = 0;

	for (int i = 0; i < world->hosts; i++) {
		const struct machine *machine = &world->machine[i];
		bool flying = machine->fleet.flying &&
			      machine_clock(world, machine) - machine->fleet.sent <
				      machine->fleet.settings.lease;
		bool known = flying || machine_is_live(world, machine);
		uint32_t most = 0;

		for (int j = 0; j < world->servers; j++) {
			int down = recorded(&world->server[j], machine, user);

			known = known || down >= 0;
			most = down > (int)most ? (uint32_t)down : most;
		}
		if (known && machine->units[user] > most)
			most = machine->units[user];
		/* Its server may have lost its memory since. */
		if (flying && machine->fleet.n == machine->granted_by &&
		    machine->granted[user] > most)
			most = machine->granted[user];
		sum += most;
	}
	return sum;
}

void judge_debt(struct world *world, int user)
{
	uint32_t all = sum_all(world, user);

	if (all > world->allow[user])
		world->allow[user] = all;
}

uint32_t judge_held(const struct world *world, int user)
{
	uint32_t sum = 0;

	for (int i = 0; i < world->hosts; i++)
		sum += world->machine[i].sessions[user];
	return sum;
}

/* While all leases are live, the units are at most the cap; beyond it is only what came back
 * with a host that really had it, and that only gets less. */
void judge_look(struct world *world)
{
	for (int user = 0; user < world->users; user++) {
		uint32_t sum = sum_live(world, user), all;

		if (sum > world->allow[user])
			sim_wrong(world, "more units than the cap");
		if (world->allow[user] == world->cap[user])
			continue;
		all = sum_all(world, user);
		if (all < world->allow[user])
			world->allow[user] = all > world->cap[user] ? all : world->cap[user];
	}
	for (int i = 0; i < world->hosts && !world->alone; i++) {
		for (int user = 0; user < world->users; user++) {
			if (world->machine[i].sessions[user] > world->machine[i].units[user])
				sim_wrong(world, "more sessions than units");
		}
	}
}
