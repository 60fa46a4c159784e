/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The client of one shard's store: finds the primary, keeps two connections to it, brings the
 * messages of a fleet_host there and the answers back, and does so again whenever something
 * breaks. Driven by poll(2), without locks: all calls from one thread, for each shard one store
 * and one host. Nothing waits; for the addresses of a server's name other threads do
 * (store_name.h).
 *
 * What a server says may be anything: more than 256 KiB of one reply are not kept, and whatever
 * is not the reply that is waited for breaks the connection.
 *
 * A loop:
 *
 *	for (;;) {
 *		fleet_tick(host, now);
 *		count = store_poll(store, polls, now, &until);
 *		poll(polls, count, until - now);
 *		store_handle(store, polls, count, now);
 *	}
 *
 * SIGPIPE must be blocked or ignored in the thread: OpenSSL writes without MSG_NOSIGNAL.
 */
#ifndef HEADCOUNT_FLEET_STORE_H
#define HEADCOUNT_FLEET_STORE_H

#include <poll.h>

#include "user/config/store_address.h"
#include "user/fleet/host.h"
#include "user/fleet/store_state.h"

#define STORE_POLLS  2
#define STORE_PREFIX "fleet"

struct store;

/* Texts are read by store_new() only, but for those of Sentinels, which are copied. NULL: none.
 */
struct store_settings {
	/* Of the keys PREFIX:members, PREFIX:units, PREFIX:calls and the channels
	 * PREFIX:calls:ID. NULL: STORE_PREFIX. The shard's if shards share a server. */
	const char *prefix;
	/* That may ever acknowledge, the primary with them; half of them, rounded down, must
	 * have a message. 0: as many as the address has places; for Sentinels, as many as they
	 * know, which is asked before the first message and then never lowered. */
	__u32 servers;
	/* PEM files, for an address with TLS. Without `tls_ca` the system's authorities are
	 * believed. The certificate of who is talked to must be for the host as it is written
	 * in the address, or as the Sentinels say it. `tls_cert` and `tls_key`: both or
	 * neither. */
	const char *tls_ca, *tls_cert, *tls_key;
	/* Names are asked for as long as this process has fewer threads that do so. 0:
	 * STORE_NAMES_MAX. */
	int names;
	/* What Sentinels want to hear; those of the address are the servers'. */
	const char *sentinel_user, *sentinel_password;
};

/*
 * Opens nothing but the files of TLS. `host` stays the caller's, for as long as the store is
 * there; the store sets `host->settings.acks`. Returns 0, or a negative errno, and has printed
 * why.
 */
int store_new(struct store **store, const struct store_address *address,
	      const struct store_settings *settings, struct fleet_host *host);

/* Closes the connections and forgets the passwords. Takes NULL. */
void store_free(struct store *store);

/*
 * Does what is due (begins a connection, gives one up, sends the host's next message), and says
 * what is to be waited for: that many of `polls`, at most STORE_POLLS. `*until` is when to call
 * again at the latest, at most 100 ms from `now`; and at once after the host has got something
 * to say. Times are CLOCK_BOOTTIME in ns.
 */
size_t store_poll(struct store *store, struct pollfd *polls, __u64 now, __u64 *until);

/* Reads and writes as poll() says in `revents` of what the last store_poll() has returned; the
 * host is given what came (fleet_receive, fleet_broken, fleet_called). `now` is read after
 * poll(). */
void store_handle(struct store *store, const struct pollfd *polls, size_t count, __u64 now);

/* After fleet_leave(): the store has been told, or there is none to be told. */
bool store_has_left(const struct store *store);

void store_state(const struct store *store, struct store_state *state);

#endif
