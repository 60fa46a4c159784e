// SPDX-License-Identifier: GPL-2.0-only
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "user/kernel/fill.h"
#include "record.h"

static __u64 count_services(const struct policy *policy)
{
	__u64 count = 0;

	for (int id = 0; id < HC_SERVICES_MAX; id++)
		count += policy->services[id].used;
	return count;
}

__u64 fill_count_keys(const struct bpf_map *map)
{
	__u8 key[sizeof(struct hc_user_key)];
	__u64 count = 0;
	bool more;

	_Static_assert(sizeof(key) >= sizeof(struct hc_listener_key) &&
			       sizeof(key) >= sizeof(struct hc_override_key) &&
			       sizeof(key) >= sizeof(struct hc_address_key),
		       "room for each key");
	for (more = !bpf_map_get_next_key(bpf_map__fd(map), NULL, key);
	     more && count < bpf_map__max_entries(map); count++)
		more = !bpf_map_get_next_key(bpf_map__fd(map), key, key);
	return count;
}

void fill_read(const struct headcount_bpf *object, const struct policy *policy, __u64 sessions,
	       __u64 users, struct fill_row rows[FILL_COUNT])
{
	const struct bpf_map *listeners = object->maps.listeners, *caps = object->maps.caps;
	__u64 sessions_room = bpf_map__max_entries(object->maps.sessions);
	__u64 users_room = bpf_map__max_entries(object->maps.users);

	/* Set-associative tables are reported at half their size: a set is full by chance
	 * long before the table is. */
	rows[FILL_SERVICES] =
		(struct fill_row){"services", count_services(policy), HC_SERVICES_MAX};
	rows[FILL_SESSIONS] =
		(struct fill_row){"sessions", sessions, sessions_room * HC_SESSION_WAYS / 2};
	rows[FILL_USERS] = (struct fill_row){"users", users, users_room * HC_WAYS / 2};
	rows[FILL_LISTENERS] = (struct fill_row){"listeners", fill_count_keys(listeners),
						 bpf_map__max_entries(listeners)};
	rows[FILL_CAPS] =
		(struct fill_row){"caps", fill_count_keys(caps), bpf_map__max_entries(caps)};
}
