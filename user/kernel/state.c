// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "sets.h"
#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/kernel/state.h"

#define SETS_AT_ONCE 512

bool state_user_shown(const struct hc_user *user)
{
	__s64 age;

	if (hc_user_active(user))
		return true;
	if (!user->opened && !user->refused)
		return false;
	age = clock_monotonic_ns() - user->last_ns;
	return age < (__s64)(HC_KEEP_SECONDS * NS_PER_SECOND);
}

/* Both tables are arrays of sets. Reads all sets, and appends what `copy` makes of
 * each, at most `ways` rows of `row` bytes, to the result. */
struct reading {
	const struct bpf_map *map;
	__u64 flags;
	size_t ways, row;
	size_t (*copy)(const struct reading *reading, const void *set, __u32 index, void *rows);
	state_wanted *wanted;
	void *context;
	char *rows;
	size_t count;
};

static size_t copy_users(const struct reading *reading, const void *from, __u32 index,
			 void *rows)
{
	const struct hc_user_set *set = from;
	struct state_user *users = rows;
	size_t count = 0;

	(void)reading;
	for (__u32 way = 0; way < HC_WAYS; way++) {
		if (!set->tag[way])
			continue;
		users[count].position = hc_user_position(index, way);
		users[count++].user = set->way[way];
	}
	return count;
}

static size_t copy_sessions(const struct reading *reading, const void *from, __u32 index,
			    void *rows)
{
	const struct hc_session_set *set = from;
	struct state_session *sessions = rows;
	size_t count = 0;

	(void)index;
	for (__u32 way = 0; way < HC_SESSION_WAYS; way++)
		if (set->id[way] && set->id[way] == session_shown(set->id[way]) &&
		    (!reading->wanted || reading->wanted(reading->context, &set->way[way])))
			sessions[count++] = (struct state_session){set->id[way], set->way[way]};
	return count;
}

static int read_batches(struct reading *reading, void *sets, __u32 *keys)
{
	LIBBPF_OPTS(bpf_map_batch_opts, options, .elem_flags = reading->flags);
	size_t size = bpf_map__value_size(reading->map);
	__u32 position, got;
	bool first = true;
	int error = 0;

	while (!error) {
		char *grown;

		got = SETS_AT_ONCE;
		error = bpf_map_lookup_batch(bpf_map__fd(reading->map),
					     first ? NULL : &position, &position, keys, sets,
					     &got, &options);
		if (error && error != -ENOENT)
			return error;
		first = false;
		grown = realloc(reading->rows,
				(reading->count + got * reading->ways) * reading->row + 1);
		if (!grown)
			return -ENOMEM;
		reading->rows = grown;
		for (__u32 i = 0; i < got; i++)
			reading->count +=
				reading->copy(reading, (char *)sets + i * size, keys[i],
					      grown + reading->count * reading->row);
	}
	return 0; /* ENOENT: that was the last batch */
}

static int read_all(struct reading *reading)
{
	void *sets = malloc(SETS_AT_ONCE * bpf_map__value_size(reading->map));
	__u32 *keys = malloc(SETS_AT_ONCE * sizeof(*keys));
	int error = sets && keys ? read_batches(reading, sets, keys) : -ENOMEM;

	free(sets);
	free(keys);
	if (!error)
		return 0;
	free(reading->rows);
	return hc_error_errno(error, "cannot read the map %s", bpf_map__name(reading->map));
}

int state_read_users(const struct headcount_bpf *object, struct state_user **users,
		     size_t *count)
{
	struct reading reading = {
		.map = object->maps.users,
		.flags = BPF_F_LOCK,
		.ways = HC_WAYS,
		.row = sizeof(**users),
		.copy = copy_users,
	};
	int error = read_all(&reading);

	*users = error ? NULL : (struct state_user *)reading.rows;
	*count = error ? 0 : reading.count;
	return error;
}

int state_read_sessions(const struct headcount_bpf *object, state_wanted *wanted, void *context,
			struct state_session **sessions, size_t *count)
{
	struct reading reading = {
		.map = object->maps.sessions,
		.ways = HC_SESSION_WAYS,
		.row = sizeof(**sessions),
		.copy = copy_sessions,
		.wanted = wanted,
		.context = context,
	};
	int error = read_all(&reading);

	*sessions = error ? NULL : (struct state_session *)reading.rows;
	*count = error ? 0 : reading.count;
	return error;
}

bool state_read_session(const struct headcount_bpf *object, __u64 id,
			struct hc_session *session)
{
	__u32 sets = bpf_map__max_entries(object->maps.sessions);
	struct hc_session_set set;

	for (__u32 try = 0; try < HC_SESSION_TRIES; try++) {
		__u32 index = session_set_of(id, try, sets);

		if (bpf_map_lookup_elem(bpf_map__fd(object->maps.sessions), &index, &set))
			return false;
		for (int way = 0; way < HC_SESSION_WAYS; way++) {
			*session = set.way[way];
			if (set.id[way] == id)
				return true;
		}
	}
	return false;
}

bool state_read_user(const struct headcount_bpf *object, const struct hc_control *control,
		     const struct hc_user_key *key, struct hc_user *user)
{
	struct user_hash hash = user_hash_of(key, control->seed, control->user_sets);
	struct hc_user_set set;

	if (bpf_map_lookup_elem_flags(bpf_map__fd(object->maps.users), &hash.set, &set,
				      BPF_F_LOCK))
		return false;
	for (int way = 0; way < HC_WAYS; way++) {
		*user = set.way[way];
		if (set.tag[way] == hash.tag && !memcmp(&user->key, key, sizeof(*key)))
			return true;
	}
	return false;
}
