/* SPDX-License-Identifier: GPL-2.0-only */
/* What the load programs share: one CPU, one user, clocks, sockets that end by RST. */
#ifndef HEADCOUNT_BENCH_LOAD_H
#define HEADCOUNT_BENCH_LOAD_H

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BENCH_UID 60100 /* whose outbound sessions are measured; nobody's */

static inline uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

/* Runs on that CPU alone, not as root, and dies with the driver. */
static inline void become_load(int cpu)
{
	struct rlimit files;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (cpu >= 0 && sched_setaffinity(0, sizeof(set), &set))
		err(1, "cannot run on CPU %d", cpu);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	if (setuid(BENCH_UID))
		err(1, "setuid");
	prctl(PR_SET_PDEATHSIG, 9); /* setuid() had cleared it */
}

static inline struct sockaddr_in address_of(const char *text, int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};

	if (inet_pton(AF_INET, text, &address.sin_addr) != 1)
		errx(1, "%s is no IPv4 address", text);
	return address;
}

static inline int listen_on(const struct sockaddr_in *address)
{
	int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (const void *)address, sizeof(*address)) || listen(listener, 4096))
		err(1, "cannot listen on port %d", ntohs(address->sin_port));
	return listener;
}

/* A TCP socket whose close() sends a RST: nothing stays in TIME_WAIT. It connects
 * from `source`, where given, as a client of that address would. */
static inline int new_client(const struct sockaddr_in *source)
{
	static const struct linger reset = {1, 0};
	int s = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	if (s < 0)
		err(1, "socket");
	setsockopt(s, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	if (!source)
		return s;
	setsockopt(s, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	if (bind(s, (const void *)source, sizeof(*source)))
		err(1, "bind");
	return s;
}

/* One session of both ends. */
static inline void cycle(int listener, const struct sockaddr_in *server,
			 const struct sockaddr_in *source)
{
	int client = new_client(source), accepted;

	if (connect(client, (const void *)server, sizeof(*server)))
		err(1, "connect");
	accepted = accept(listener, NULL, NULL);
	if (accepted < 0)
		err(1, "accept");
	close(client);
	close(accepted);
}

#endif
