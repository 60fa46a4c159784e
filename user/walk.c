// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "log.h"
#include "walk.h"

#define READ_AT_ONCE (1 << 18)

/* Reads an iterator to its end; whole rows go to `found`, if it has rows. */
static int read_rows(int fd, struct walk_sockets *found)
{
	size_t part = 0; /* bytes of a row that the last read cut off */
	char *bytes, *grown;
	ssize_t got;

	for (;;) {
		size_t used = found->count * sizeof(*found->rows) + part;

		if (found->room < used + READ_AT_ONCE) {
			size_t room = found->room * 2 + READ_AT_ONCE;

			grown = realloc(found->rows, room);
			if (!grown)
				return -ENOMEM;
			found->rows = (void *)grown;
			found->room = room;
		}
		bytes = (char *)found->rows;
		got = read(fd, bytes + used, READ_AT_ONCE);
		if (got < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			return 0;
		part += got;
		found->count += part / sizeof(*found->rows);
		part %= sizeof(*found->rows);
	}
}

static int run(const struct bpf_program *program, const struct bpf_map *map,
	       struct walk_sockets *found)
{
	union bpf_iter_link_info info = {};
	LIBBPF_OPTS(bpf_iter_attach_opts, options);
	struct walk_sockets nothing = {};
	struct bpf_link *link;
	int fd, error;

	if (map) {
		info.map.map_fd = bpf_map__fd(map);
		options.link_info = &info;
		options.link_info_len = sizeof(info);
	}
	link = bpf_program__attach_iter(program, &options);
	if (!link)
		return hc_error_errno(errno, "cannot attach the iterator %s",
				      bpf_program__name(program));
	fd = bpf_iter_create(bpf_link__fd(link));
	error = fd < 0 ? -errno : read_rows(fd, found ? found : &nothing);
	if (error)
		hc_error_errno(error, "cannot read the iterator %s",
			       bpf_program__name(program));
	if (fd >= 0)
		close(fd);
	bpf_link__destroy(link);
	free(nothing.rows);
	return error;
}

struct inside {
	const struct headcount_bpf *object;
	struct walk_sockets *found;
};

/* The namespace that an iter/tcp reads is the one of whoever opens it. */
static int run_inside(void *context)
{
	struct inside *inside = context;

	return run(inside->object->progs.walk_sockets, NULL, inside->found);
}

int walk_sockets(const struct headcount_bpf *object, const struct netns *netns,
		 struct walk_sockets *found)
{
	struct inside inside = {object, found};

	return netns_inside(netns, run_inside, &inside);
}

int walk_all_sockets(const struct headcount_bpf *object, struct walk_sockets *found)
{
	int error = netns_find_all(&found->netns);

	for (size_t i = 0; i < found->netns.count && !error; i++)
		error = walk_sockets(object, &found->netns.items[i], found);
	return error;
}

void walk_free(struct walk_sockets *found)
{
	free(found->rows);
	netns_free(&found->netns);
	memset(found, 0, sizeof(*found));
}

int walk_files(const struct headcount_bpf *object)
{
	return run(object->progs.walk_files, NULL, NULL);
}

int walk_sessions(const struct headcount_bpf *object)
{
	return run(object->progs.walk_sessions, object->maps.sessions, NULL);
}

int walk_users(const struct headcount_bpf *object)
{
	return run(object->progs.walk_users, object->maps.users, NULL);
}

int walk_repairs(const struct headcount_bpf *object)
{
	return run(object->progs.walk_repairs, object->maps.repairs, NULL);
}
