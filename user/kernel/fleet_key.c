// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include <nettle/sha2.h>

#include "user/kernel/fleet_key.h"

/* Each part has a fixed length, so that no two users are the same bytes. */
void fleet_key_of(const char *service, const struct hc_user_key *user,
		  const struct hc_label *label, struct fleet_key *key)
{
	char name[HC_NAME_MAX] = "";
	const __u8 kind[2] = {user->kind, user->prefix};
	struct sha256_ctx hash;

	strncpy(name, service, sizeof(name) - 1);
	sha256_init(&hash);
	sha256_update(&hash, sizeof(name), (const __u8 *)name);
	sha256_update(&hash, sizeof(kind), kind);
	if (user->kind == HC_BY_LABEL)
		sha256_update(&hash, sizeof(*label), (const __u8 *)label);
	else if (user->kind == HC_BY_UID) /* whichever byte order the host has */
		sha256_update(&hash, 4,
			      (const __u8[4]){user->uid >> 24, user->uid >> 16, user->uid >> 8,
					      user->uid});
	else
		sha256_update(&hash, sizeof(user->id), user->id);
	sha256_digest(&hash, sizeof(key->bytes), key->bytes);
}

__u32 fleet_key_shard(const struct fleet_key *key, __u32 shards)
{
	__u32 hash = (__u32)key->bytes[15] << 24 | key->bytes[14] << 16 | key->bytes[13] << 8 |
		     key->bytes[12];

	return shards ? hash % shards : 0;
}
