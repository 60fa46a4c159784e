// SPDX-License-Identifier: GPL-2.0-only
/* simulate [-s SECONDS] [-w WORLDS] [-f FAULTS] [-t] [-p ERROR] [SEED]: worlds from this seed
 * on. With -f only these kinds of faults (bits), with -t told as it goes. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/fleet/sim.h"

unsigned int fleet_plants, sim_plants, sim_faults;
static struct world world;

static const struct {
	const char *name;
	unsigned int fleet, sim;
} plants[] = {
	{"late", FLEET_PLANT_LATE, 0},
	{"from-answer", FLEET_PLANT_FROM_ANSWER, 0},
	{"unconfirmed", FLEET_PLANT_UNCONFIRMED, 0},
	{"carry", FLEET_PLANT_CARRY, 0},
	{"lower", FLEET_PLANT_LOWER, 0},
	{"expel", FLEET_PLANT_EXPEL, 0},
	{"changed", FLEET_PLANT_CHANGED, 0},
	{"storm", FLEET_PLANT_STORM, 0},
	{"thief", FLEET_PLANT_THIEF, 0},
	{"syncs", 0, SIM_PLANT_SYNCS},
	{"lost", FLEET_PLANT_CHANGED, SIM_PLANT_LOST},
	{"learned", 0, SIM_PLANT_LEARNED},
	{"unique", 0, SIM_PLANT_UNIQUE},
	{"synced", 0, SIM_PLANT_SYNCED},
	{"order", 0, SIM_PLANT_ORDER},
	{"over", 0, SIM_PLANT_OVER},
	{"swapped", 0, SIM_PLANT_SWAPPED},
	{"silent", 0, SIM_PLANT_SILENT},
};

static int plant(const char *name)
{
	for (size_t i = 0; i < sizeof(plants) / sizeof(plants[0]); i++) {
		if (strcmp(name, plants[i].name))
			continue;
		fleet_plants |= plants[i].fleet;
		sim_plants |= plants[i].sim;
		return 0;
	}
	fprintf(stderr, "simulate: no error %s to plant\n", name);
	return 2;
}

struct sum {
	uint64_t worlds, steps, scripts, admitted, refused, longest;
	struct fleet_counters counters;
	double seconds;
};

static double seconds_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - start->tv_sec + (now.tv_nsec - start->tv_nsec) / 1e9;
}

static void add(struct sum *sum)
{
	sum->worlds++;
	sum->steps += world.steps;
	sum->scripts += world.scripts;
	sum->admitted += world.admitted;
	sum->refused += world.refused;
	if (world.longest > sum->longest)
		sum->longest = world.longest;
	fleet_counters_add(&sum->counters, &world.counters);
}

static void tell(const struct sum *sum)
{
	const struct fleet_counters *c = &sum->counters;

	printf("# %" PRIu64 " worlds, %" PRIu64 " steps (%.1f million a minute), %" PRIu64
	       " scripts\n",
	       sum->worlds, sum->steps, sum->steps / sum->seconds * 60 / 1e6, sum->scripts);
	printf("# %" PRIu64 " sessions, %" PRIu64
	       " refusals; with room and a sound net for %.2f s at most\n",
	       sum->admitted, sum->refused, sum->longest / 1e9);
	printf("# messages %llu, answers %llu, late %llu, unconfirmed %llu, given up %llu\n",
	       c->messages, c->answers, c->late, c->unconfirmed, c->given_up);
	printf("# joined %llu, carried %llu, expelled %llu, asks %llu, short %llu\n", c->joined,
	       c->carried, c->expelled, c->asks, c->short_of);
}

int main(int argc, char **argv)
{
	struct timespec start;
	struct sum sum = {};
	uint64_t seed = 1, worlds = ~0ull;
	double seconds = 10;
	bool trace = false;
	int option;

	while ((option = getopt(argc, argv, "s:w:f:tp:")) != -1) {
		if (option == 's')
			seconds = atof(optarg);
		else if (option == 'w')
			worlds = strtoull(optarg, NULL, 10);
		else if (option == 'f')
			sim_faults = strtoul(optarg, NULL, 16);
		else if (option == 't')
			trace = true;
		else if (option != 'p' || plant(optarg))
			return 2;
	}
	if (optind < argc)
		seed = strtoull(argv[optind], NULL, 10);
	script_open();
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (; worlds-- && seconds_since(&start) < seconds; seed++) {
		if (!sim_run(&world, seed, trace)) {
			printf("# seed %" PRIu64 ", at %.3f s, step %" PRIu64 ": %s\n", seed,
			       world.now / 1e9, world.steps, world.wrong);
			return 1;
		}
		add(&sum);
	}
	sum.seconds = seconds_since(&start);
	tell(&sum);
	script_close();
	return 0;
}
