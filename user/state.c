// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "log.h"
#include "state.h"

#define SETS_AT_ONCE	 256
#define SESSIONS_AT_ONCE 16384

bool state_user_shown(const struct hc_user *user)
{
	struct timespec now;
	__u64 age;

	if (user->slots.active)
		return true;
	if (!user->opened && !user->refused)
		return false;
	clock_gettime(CLOCK_MONOTONIC, &now);
	age = now.tv_sec * 1000000000ull + now.tv_nsec - user->last_ns;
	return (__s64)age < HC_KEEP_SECONDS * 1000000000ll;
}

static size_t copy_users(const struct hc_user_set *set, __u32 index, struct state_user *users)
{
	size_t count = 0;

	for (__u32 way = 0; way < HC_WAYS; way++) {
		if (!set->tag[way])
			continue;
		users[count].slot = index * HC_WAYS + way + 1;
		users[count++].user = set->way[way];
	}
	return count;
}

int state_read_users(const struct headcount_bpf *object, struct state_user **users,
		     size_t *count)
{
	LIBBPF_OPTS(bpf_map_batch_opts, options, .elem_flags = BPF_F_LOCK);
	int fd = bpf_map__fd(object->maps.users), error = 0;
	__u32 keys[SETS_AT_ONCE], got, position = 0;
	struct hc_user_set *sets = malloc(SETS_AT_ONCE * sizeof(*sets));
	bool first = true;

	*users = NULL;
	*count = 0;
	while (sets && !error) {
		struct state_user *grown;

		got = SETS_AT_ONCE;
		error = bpf_map_lookup_batch(fd, first ? NULL : &position, &position, keys, sets,
					     &got, &options);
		if (error && error != -ENOENT)
			break;
		first = false;
		grown = realloc(*users, (*count + got * HC_WAYS) * sizeof(**users) + 1);
		if (!grown) {
			error = -ENOMEM;
			break;
		}
		*users = grown;
		for (__u32 i = 0; i < got; i++)
			*count += copy_users(&sets[i], keys[i], *users + *count);
	}
	free(sets);
	if (error == -ENOENT) /* that was the last batch */
		return 0;
	free(*users);
	*users = NULL;
	return hc_error_errno(error ?: ENOMEM, "cannot read the user table");
}

int state_read_sessions(const struct headcount_bpf *object, struct state_session **sessions,
			size_t *count)
{
	LIBBPF_OPTS(bpf_map_batch_opts, options);
	int fd = bpf_map__fd(object->maps.sessions), error = 0;
	struct hc_session *values = malloc(SESSIONS_AT_ONCE * sizeof(*values));
	__u64 *keys = malloc(SESSIONS_AT_ONCE * sizeof(*keys));
	__u32 position = 0, got;
	bool first = true;

	*sessions = NULL;
	*count = 0;
	while (values && keys && !error) {
		struct state_session *grown;

		got = SESSIONS_AT_ONCE;
		error = bpf_map_lookup_batch(fd, first ? NULL : &position, &position, keys,
					     values, &got, &options);
		if (error && error != -ENOENT)
			break;
		first = false;
		grown = realloc(*sessions, (*count + got) * sizeof(**sessions) + 1);
		if (!grown) {
			error = -ENOMEM;
			break;
		}
		*sessions = grown;
		for (__u32 i = 0; i < got; i++)
			grown[(*count)++] = (struct state_session){keys[i], values[i]};
	}
	free(values);
	free(keys);
	if (error == -ENOENT)
		return 0;
	free(*sessions);
	*sessions = NULL;
	return hc_error_errno(error ?: ENOMEM, "cannot read the session table");
}
