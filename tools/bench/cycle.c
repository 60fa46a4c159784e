// SPDX-License-Identifier: GPL-2.0-only
/*
 * cycle CPU SERVER PORT WARM_MS MS [PER_SECOND [CLIENTS]]: connect, accept, close by RST,
 * over and over in one process, as fast as it can (0) or so many a second, from one
 * address or from so many in turn; both ends are this host's. Prints cycles, CPU ns and
 * wall ns of the time after the warm-up.
 */
#include "load.h"

#define BATCH 32 /* cycles between two looks at the clock */

static unsigned int clients; /* 0: whatever the kernel chooses */

/* The next client's address, from 127.1.0.0 on; NULL: the kernel's choice. */
static const struct sockaddr_in *next_client(void)
{
	static struct sockaddr_in source = {.sin_family = AF_INET};
	static unsigned int number;

	if (!clients)
		return NULL;
	number = (number + 1) % clients;
	source.sin_addr.s_addr = htonl(0x7f010000 + number);
	return &source;
}

static void sleep_until(uint64_t ns)
{
	struct timespec time = {ns / 1000000000, ns % 1000000000};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
}

/* `pace`: ns from one cycle to the next, or 0. */
static uint64_t cycles_for(unsigned int ms, int listener, const struct sockaddr_in *server,
			   uint64_t pace)
{
	uint64_t begin = clock_ns(CLOCK_MONOTONIC), end = begin + ms * 1000000ull, count = 0;

	do {
		sleep_until(begin + count * pace);
		for (int i = 0; i < BATCH; i++)
			cycle(listener, server, next_client());
		count += BATCH;
	} while (clock_ns(CLOCK_MONOTONIC) < end);
	return count;
}

int main(int argc, char **argv)
{
	struct sockaddr_in server;
	uint64_t cpu, wall, cycles, pace;
	int listener;

	if (argc < 6 || argc > 8)
		errx(2, "usage: cycle CPU SERVER PORT WARM_MS MS [PER_SECOND [CLIENTS]]");
	pace = argc > 6 && atoi(argv[6]) ? 1000000000 / atoi(argv[6]) : 0;
	clients = argc > 7 ? atoi(argv[7]) : 0;
	become_load(atoi(argv[1]));
	server = address_of(argv[2], atoi(argv[3]));
	listener = listen_on(&server);
	cycles_for(atoi(argv[4]), listener, &server, pace);
	cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	wall = clock_ns(CLOCK_MONOTONIC);
	cycles = cycles_for(atoi(argv[5]), listener, &server, pace);
	cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	wall = clock_ns(CLOCK_MONOTONIC) - wall;
	printf("%llu %llu %llu\n", (unsigned long long)cycles, (unsigned long long)cpu,
	       (unsigned long long)wall);
	return 0;
}
