// SPDX-License-Identifier: GPL-2.0-only
/*
 * hold SERVER PORT FIRST USERS: holds sessions, both ends of each, from USERS
 * client addresses in turn, the first being 127.1.0.0 + FIRST (with USERS 0 all from
 * 127.0.0.1). Reads from stdin how many it is to hold, line by line, and says when
 * it does.
 */
#include "load.h"

static void hold_one(int listener, const struct sockaddr_in *server, uint32_t address)
{
	struct sockaddr_in source = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};
	int client = new_client(&source);

	if (connect(client, (const void *)server, sizeof(*server)))
		err(1, "connect");
	if (accept(listener, NULL, NULL) < 0)
		err(1, "accept");
}

int main(int argc, char **argv)
{
	struct sockaddr_in server;
	unsigned int first, users, held = 0, wanted;
	int listener;

	if (argc != 5)
		errx(2, "usage: hold SERVER PORT FIRST USERS");
	become_load(-1);
	server = address_of(argv[1], atoi(argv[2]));
	first = atoi(argv[3]);
	users = atoi(argv[4]);
	listener = listen_on(&server);
	while (scanf("%u", &wanted) == 1) {
		for (; held < wanted; held++)
			hold_one(listener, &server,
				 users ? 0x7f010000 + first + held % users : 0x7f000001);
		printf("%u\n", held);
		fflush(stdout);
	}
	return 0;
}
