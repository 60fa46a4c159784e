/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A user as people and scripts write it, and as the maps key it.
 */
#ifndef HEADCOUNT_USER_NAME_H
#define HEADCOUNT_USER_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include "policy.h"

#define HC_USER_TEXT 4200 /* a cgroup's path is the longest */

/* Masks `id` (16 bytes, network order) to its first `bits` bits. */
void prefix_mask(__u8 id[16], unsigned int bits);

/*
 * Text of `key` without its service: an address (10.0.0.7, 2001:db8::1), a prefix where it is
 * shorter than the address (10.1.0.0/16, 2001:db8:1:2::/64), a uid's number (or with `names`
 * the account's name where there is one), a cgroup's path, a label (label.h; a client without
 * one is unlabelled/10.0.0.7). Always NUL-terminated. Outsiders'
 * bytes are not escaped here. Returns `text`.
 */
char *user_key_format(const struct hc_user_key *key, bool names, char *text, size_t size);

/* The same of an override, which may be of all labels that begin alike: `label` has the first
 * `bits` bytes of them. Of others both say nothing. */
char *user_override_format(const struct hc_user_key *key, const struct hc_label *label,
			   unsigned int bits, bool names, char *text, size_t size);

/*
 * Parses one user of `service` (id `service_id`) as written in `cap` and in an override, into
 * `key` with its exact id for this service's kind of user. A client's address is masked to the
 * service's prefix length. `*bits` receives how many bits of the id were given: 128 for an
 * exact user, fewer for a client prefix shorter than the service's (only overrides accept that;
 * for IPv4, 96 + length). A label that ends in * is all that begin so: `*bits` is then how many
 * bytes that are. uid: number or account name. cgroup: path below the cgroup v2 mount,
 * starting with "/". Returns 0, or -EINVAL with the reason in `why` (no trailing newline).
 */
int user_key_parse(const char *text, const struct hc_service *service, __u16 service_id,
		   struct hc_user_key *key, unsigned int *bits, char *why, size_t why_size);

/* Was `key` given as the address of one of many clients that are this one user? */
bool user_is_more(const struct hc_user_key *key, const char *given);

/* An address or a prefix (10.0.0.0/8, 2001:db8::/32) as it is written: its 16 bytes, and how
 * many bits of them count (for IPv4, 96 + length). Bits after those are an error. */
int prefix_parse(const char *text, __u8 id[16], unsigned int *bits, char *why, size_t why_size);

#endif
