// SPDX-License-Identifier: GPL-2.0-only
/*
 * polite CPU SOURCE SERVER PORT MS PAUSE_US: a client that connects now and then,
 * holds one session at a time, and is never to be refused; its server is in the same
 * process. Prints how often, and p50, p99 and the worst of connect() in ns.
 */
#include "load.h"

#define MOST 100000

static uint64_t latency[MOST];

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static uint64_t connect_once(int listener, const struct sockaddr_in *source,
			     const struct sockaddr_in *server)
{
	int client = new_client(source), accepted;
	uint64_t start = clock_ns(CLOCK_MONOTONIC), took;

	if (connect(client, (const void *)server, sizeof(*server)))
		err(1, "connect");
	took = clock_ns(CLOCK_MONOTONIC) - start;
	accepted = accept(listener, NULL, NULL);
	close(client);
	close(accepted);
	return took;
}

int main(int argc, char **argv)
{
	struct sockaddr_in source, server;
	struct timespec pause = {};
	uint64_t end;
	size_t count = 0;
	int listener;

	if (argc != 7)
		errx(2, "usage: polite CPU SOURCE SERVER PORT MS PAUSE_US");
	become_load(atoi(argv[1]));
	source = address_of(argv[2], 0);
	server = address_of(argv[3], atoi(argv[4]));
	pause.tv_nsec = atoi(argv[6]) * 1000;
	listener = listen_on(&server);
	for (int i = 0; i < 200; i++)
		connect_once(listener, &source, &server); /* warm */
	end = clock_ns(CLOCK_MONOTONIC) + atoi(argv[5]) * 1000000ull;
	while (count < MOST && clock_ns(CLOCK_MONOTONIC) < end) {
		nanosleep(&pause, NULL);
		latency[count++] = connect_once(listener, &source, &server);
	}
	qsort(latency, count, sizeof(latency[0]), by_size);
	printf("%zu %llu %llu %llu\n", count, (unsigned long long)latency[count / 2],
	       (unsigned long long)latency[count * 99 / 100],
	       (unsigned long long)latency[count - 1]);
	return 0;
}
