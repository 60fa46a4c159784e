// SPDX-License-Identifier: GPL-2.0-only
/*
 * turns CPU SERVER PORT1 PORT2 CYCLES SLICES: the cycles of cycle.c at two ports by turns, so many
 * in a slice, in one process: what drifts meets both alike, and neighbours are some
 * milliseconds apart. Prints CPU ns and wall ns of each slice; the first is the warm-up of both,
 * and is not printed.
 */
#include "load.h"

struct place {
	struct sockaddr_in address;
	int listener;
};

static void slice(const struct place *place, int cycles)
{
	for (int i = 0; i < cycles; i++)
		cycle(place->listener, &place->address, NULL);
}

int main(int argc, char **argv)
{
	struct place places[2];
	int cycles, slices;

	if (argc != 7)
		errx(2, "usage: turns CPU SERVER PORT1 PORT2 CYCLES SLICES");
	become_load(atoi(argv[1]));
	cycles = atoi(argv[5]);
	slices = atoi(argv[6]);
	for (int i = 0; i < 2; i++) {
		places[i].address = address_of(argv[2], atoi(argv[3 + i]));
		places[i].listener = listen_on(&places[i].address);
		slice(&places[i], cycles);
	}
	for (int i = 0; i < slices; i++) {
		uint64_t cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
		uint64_t wall = clock_ns(CLOCK_MONOTONIC);

		slice(&places[i % 2], cycles);
		cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
		wall = clock_ns(CLOCK_MONOTONIC) - wall;
		printf("%llu %llu\n", (unsigned long long)cpu, (unsigned long long)wall);
	}
	return 0;
}
