/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The addresses of a server's name. getaddrinfo(3) may take as long as the resolver does, so a
 * thread asks it that nobody waits for: who gives up leaves it behind, and what it still holds
 * goes as it ends.
 */
#ifndef HEADCOUNT_FLEET_STORE_NAME_H
#define HEADCOUNT_FLEET_STORE_NAME_H

#include <sys/socket.h>

#include "user/config/store_address.h"

#define STORE_NAMES_MAX                                                                        \
	32 /* threads of this process that ask, those that were left behind too */

struct store_name;

/* The place's host is a number: its address, at once. False: it is a name. */
bool store_name_is_number(const struct store_place *place, struct sockaddr_storage *to,
			  socklen_t *to_size);

/* Begins to ask. 0, or a negative errno: -EAGAIN, there are `most` threads already, which is at
 * most STORE_NAMES_MAX: who can wait asks with less, and leaves the rest to who cannot. */
int store_name_ask(struct store_name **name, const struct store_place *place, int most);

/* Is it that place's, and not an answer of long ago? Takes NULL. */
bool store_name_serves(const struct store_name *name, const struct store_place *place);

/* Readable when the answer is there; it stays so. */
int store_name_fd(const struct store_name *name);

/* How many addresses it has: `*to` is the one of this number, modulo their count; 0: there is
 * no answer yet; or a negative errno, and `*why` is a text that stays. */
int store_name_get(const struct store_name *name, unsigned int number,
		   struct sockaddr_storage *to, socklen_t *to_size, const char **why);

/* Waits for nothing; takes NULL. */
void store_name_drop(struct store_name *name);

#endif
