// SPDX-License-Identifier: GPL-2.0-only
/*
 * setopt CPU SERVER PORT MS label|other: setsockopt() on sessions that were accepted, over and
 * over: a label, once for each session, or an option of TCP's. Prints calls and their wall ns.
 */
#include <netinet/tcp.h>

#include "headcount.h"
#include "load.h"

#define BATCH 64 /* sessions, or calls, between two looks at the clock */
#define USERS 1000

static int accepted[BATCH], clients[BATCH];

static void open_sessions(int listener, const struct sockaddr_in *server)
{
	for (int i = 0; i < BATCH; i++) {
		clients[i] = new_client(NULL);
		if (connect(clients[i], (const void *)server, sizeof(*server)))
			err(1, "connect");
		accepted[i] = accept(listener, NULL, NULL);
		if (accepted[i] < 0)
			err(1, "accept");
	}
}

static void close_sessions(void)
{
	for (int i = 0; i < BATCH; i++) {
		close(clients[i]);
		close(accepted[i]);
	}
}

/* Of the next BATCH users in turn, so that some are known and some new. */
static void label_sessions(void)
{
	static unsigned int number;
	char name[32];

	for (int i = 0; i < BATCH; i++) {
		int length = snprintf(name, sizeof(name), "user%u", number++ % USERS);
		int error = headcount_label(accepted[i], name, length);

		if (error)
			errx(1, "cannot label: %s", strerror(-error));
	}
}

static void set_other(void)
{
	int value = 1;

	for (int i = 0; i < BATCH; i++)
		if (setsockopt(accepted[i], IPPROTO_TCP, TCP_NODELAY, &value, sizeof(value)))
			err(1, "setsockopt");
}

int main(int argc, char **argv)
{
	uint64_t calls = 0, ns = 0, end, begin;
	struct sockaddr_in server;
	bool labels;
	int listener;

	if (argc != 6)
		errx(2, "usage: setopt CPU SERVER PORT MS label|other");
	labels = !strcmp(argv[5], "label");
	become_load(atoi(argv[1]));
	server = address_of(argv[2], atoi(argv[3]));
	listener = listen_on(&server);
	end = clock_ns(CLOCK_MONOTONIC) + atoi(argv[4]) * 1000000ull;
	if (!labels)
		open_sessions(listener, &server);
	do {
		if (labels)
			open_sessions(listener, &server);
		begin = clock_ns(CLOCK_MONOTONIC);
		if (labels)
			label_sessions();
		else
			set_other();
		ns += clock_ns(CLOCK_MONOTONIC) - begin;
		calls += BATCH;
		if (labels)
			close_sessions();
	} while (clock_ns(CLOCK_MONOTONIC) < end);
	printf("%llu %llu\n", (unsigned long long)calls, (unsigned long long)ns);
	return 0;
}
