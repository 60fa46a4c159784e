// SPDX-License-Identifier: GPL-2.0-only
/*
 * refuse CPU SOURCE SERVER PORT MS [listen]: connects from SOURCE for so long, and
 * every time is to be refused. With `listen` it listens there itself, so that
 * it is not the kernel that refuses because nobody does. Prints attempts, CPU ns,
 * wall ns.
 */
#include "load.h"

static void refused_once(const struct sockaddr_in *source, const struct sockaddr_in *server)
{
	int s = new_client(source);

	if (!connect(s, (const void *)server, sizeof(*server)))
		errx(1, "a connection was not refused");
	if (errno != ECONNREFUSED)
		err(1, "connect");
	close(s);
}

int main(int argc, char **argv)
{
	struct sockaddr_in source, server;
	uint64_t cpu, wall, end, attempts = 0;

	if (argc < 6)
		errx(2, "usage: refuse CPU SOURCE SERVER PORT MS [listen]");
	become_load(atoi(argv[1]));
	source = address_of(argv[2], 0);
	server = address_of(argv[3], atoi(argv[4]));
	if (argc > 6)
		listen_on(&server);
	for (int i = 0; i < 2000; i++)
		refused_once(&source, &server); /* warm */
	cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	wall = clock_ns(CLOCK_MONOTONIC);
	end = wall + atoi(argv[5]) * 1000000ull;
	for (; clock_ns(CLOCK_MONOTONIC) < end; attempts++)
		refused_once(&source, &server);
	cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	wall = clock_ns(CLOCK_MONOTONIC) - wall;
	printf("%llu %llu %llu\n", (unsigned long long)attempts, (unsigned long long)cpu,
	       (unsigned long long)wall);
	return 0;
}
