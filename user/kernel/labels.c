// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "sets.h"
#include "user/base/label.h"
#include "user/base/log.h"
#include "user/kernel/labels.h"
#include "user/kernel/walk.h"

/* Of the object in use. Open: later we may not be allowed to open them. */
static int users = -1, names = -1, sockets = -1;
static struct hc_control control;

/* The way of the user in its set, -1 if it has no record; `set` is that set's number. */
static int way_of(const struct hc_user_key *key, __u32 *set)
{
	struct user_hash hash = user_hash_of(key, control.seed, control.user_sets);
	struct hc_user_set *copy = malloc(sizeof(*copy));
	int found = -1;

	*set = hash.set;
	if (copy && !bpf_map_lookup_elem_flags(users, &hash.set, copy, BPF_F_LOCK))
		for (int way = 0; way < HC_WAYS && found < 0; way++)
			if (copy->tag[way] == hash.tag &&
			    !memcmp(&copy->way[way].key, key, sizeof(*key)))
				found = way;
	free(copy);
	return found;
}

static bool look(const struct hc_user_key *key, struct hc_label *label)
{
	__u32 set, index;
	int way = names < 0 ? -1 : way_of(key, &set);

	if (way < 0)
		return false;
	index = hc_user_position(set, way) - 1;
	return !bpf_map_lookup_elem(names, &index, label);
}

/* The one map in a map of maps, or -1. */
static int open_inner(const struct bpf_map *outer)
{
	__u32 zero = 0, id;

	return bpf_map_lookup_elem(bpf_map__fd(outer), &zero, &id) ? -1
								   : bpf_map_get_fd_by_id(id);
}

static void close_all(void)
{
	if (names >= 0)
		close(names);
	if (sockets >= 0)
		close(sockets);
	users = names = sockets = -1;
}

void labels_use(const struct headcount_bpf *object)
{
	__u32 zero = 0;

	label_set_look(NULL);
	close_all();
	if (!object || bpf_map_lookup_elem(bpf_map__fd(object->maps.control), &zero, &control))
		return;
	users = bpf_map__fd(object->maps.users);
	names = open_inner(object->maps.names);
	sockets = open_inner(object->maps.label_sockets);
	label_set_key(control.label_key);
	label_set_look(look);
}

/* Makes the map that the outer one is for. */
static int make_inner(const struct bpf_map *outer, const char *name, enum bpf_map_type type,
		      __u32 key_size, __u32 value_size, __u32 entries, __u32 flags, int *fd)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = flags);
	__u32 zero = 0;

	if (*fd >= 0)
		return 0;
	*fd = bpf_map_create(type, name, key_size, value_size, entries, &options);
	if (*fd < 0)
		return hc_error_errno(errno, "cannot make the map %s", name);
	if (!bpf_map_update_elem(bpf_map__fd(outer), &zero, fd, BPF_ANY)) {
		hc_step("made the map %s", name);
		return 0;
	}
	close(*fd);
	*fd = -1;
	return hc_error_errno(errno, "cannot write the map %s", bpf_map__name(outer));
}

int labels_make(const struct headcount_bpf *object)
{
	int error = make_inner(object->maps.names, "hc_names", BPF_MAP_TYPE_ARRAY,
			       sizeof(__u32), sizeof(struct hc_label),
			       bpf_map__max_entries(object->maps.users) * HC_WAYS,
			       BPF_F_INNER_MAP, &names);

	return error
		       ?: make_inner(
				  object->maps.label_sockets, "hc_sockets", BPF_MAP_TYPE_HASH,
				  sizeof(struct hc_label_socket), sizeof(struct hc_labelling),
				  bpf_map__max_entries(object->maps.sessions) * HC_SESSION_WAYS,
				  BPF_F_NO_PREALLOC, &sockets);
}

int labels_sockets(void)
{
	return sockets;
}

int labels_give(const struct headcount_bpf *object, __u64 id, const struct hc_label *label)
{
	struct hc_label_order *order = &object->bss->errand.label;
	int error;

	*order = (struct hc_label_order){.id = id, .label = *label};
	error = walk_run(object->progs.label_set, 1);
	return error < 0 ? error : -(int)order->error;
}
