/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a store of the fleet is, as `store =` says it. Pure text: no name is resolved, nothing
 * is opened.
 *
 *   valkey://[USER:PASSWORD@]HOST[:PORT][, HOST[:PORT]]...      a primary and its replicas
 *   redis://...                                                 the same
 *   valkeys://... rediss://...                                  the same, with TLS
 *   sentinel://[USER:PASSWORD@]HOST[:PORT], .../NAME            asked for the primary of NAME
 *   sentinels://...                                             the same, all with TLS
 *   unix:[USER:PASSWORD@]/PATH
 *
 * One value is one shard. User and password are the servers', not the Sentinels'; either may be
 * empty, and what a URL would take for something else is written %NN in them. IPv6 is in
 * brackets. Commas and blanks separate hosts.
 */
#ifndef HEADCOUNT_STORE_ADDRESS_H
#define HEADCOUNT_STORE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#define STORE_PLACES_MAX    16
#define STORE_HOST_MAX      256 /* bytes, with the zero at the end */
#define STORE_SECRET_MAX    512
#define STORE_PORT          6379
#define STORE_SENTINEL_PORT 26379
#define STORE_ADDRESS_TEXT  (STORE_PLACES_MAX * (STORE_HOST_MAX + 10) + 300)

enum store_kind { STORE_SERVERS, STORE_SENTINELS, STORE_SOCKET };

struct store_place {
	char host[STORE_HOST_MAX]; /* a name or an address without brackets; or a socket's path
				    */
	__u16 port;                /* of this machine's byte order; 0: a Unix socket */
};

/* Has nothing to be freed; two that were parsed of equal values are equal byte by byte. */
struct store_address {
	enum store_kind kind;
	bool tls;
	size_t count; /* of places, at least 1 */
	struct store_place places[STORE_PLACES_MAX];
	char name[STORE_HOST_MAX]; /* what the Sentinels call the primary */
	char user[STORE_SECRET_MAX], password[STORE_SECRET_MAX];
};

/* Returns 0, or -EINVAL with the reason in `why`, which has nothing of a password in it. */
int store_address_parse(struct store_address *address, const char *text, char *why,
			size_t why_size);

/* As it is written, without user and password: for logs and listings. Returns `text`. */
char *store_address_format(const struct store_address *address, char *text, size_t size);

/* HOST:PORT, [HOST]:PORT or the path. Returns `text`. */
char *store_place_format(const struct store_place *place, char *text, size_t size);

#endif
