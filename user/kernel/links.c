// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "user/base/array.h"
#include "user/base/log.h"
#include "user/kernel/links.h"
#include "user/kernel/pin_paths.h"

#define MAPS_MAX 32

__u32 links_map_id(int fd)
{
	struct bpf_map_info info = {};
	__u32 size = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &size) ? 0 : info.id;
}

int links_read_program(int fd, struct links_row *row)
{
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &size))
		return -errno;
	snprintf(row->program, sizeof(row->program), "%s", info.name);
	row->missed = info.recursion_misses;
	row->runs = info.run_cnt;
	row->ns = info.run_time_ns;
	return 0;
}

/* Fills the row's program; does that program use the map? */
static bool uses(__u32 program, __u32 map, struct links_row *row)
{
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info), maps[MAPS_MAX] = {};
	bool found = false;
	int fd = bpf_prog_get_fd_by_id(program);

	if (fd < 0)
		return false;
	info.nr_map_ids = MAPS_MAX;
	info.map_ids = (__u64)(unsigned long)maps;
	if (!bpf_obj_get_info_by_fd(fd, &info, &size))
		for (__u32 i = 0; i < info.nr_map_ids && i < MAPS_MAX; i++)
			found |= maps[i] == map;
	found = found && !links_read_program(fd, row);
	close(fd);
	return found;
}

static void say_where(const struct bpf_link_info *info, struct links_row *row)
{
	if (info->type == BPF_LINK_TYPE_CGROUP)
		snprintf(row->where, sizeof(row->where), "cgroup %llu", info->cgroup.cgroup_id);
	else if (info->type == BPF_LINK_TYPE_NETNS)
		snprintf(row->where, sizeof(row->where), "netns %u", info->netns.netns_ino);
	else
		snprintf(row->where, sizeof(row->where), "tracepoint");
}

bool links_program_shares(__u32 program, const struct headcount_bpf *object)
{
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info), maps[MAPS_MAX];
	int fd = bpf_prog_get_fd_by_id(program), error;
	bool control = false;

	if (fd < 0)
		return false;
	info.nr_map_ids = MAPS_MAX;
	info.map_ids = (__u64)(unsigned long)maps;
	error = bpf_obj_get_info_by_fd(fd, &info, &size);
	close(fd);
	for (__u32 i = 0; i < info.nr_map_ids && i < MAPS_MAX && !error; i++) {
		struct bpf_map_info map = {};
		const struct bpf_map *mine;

		size = sizeof(map);
		fd = bpf_map_get_fd_by_id(maps[i]);
		error = fd < 0 || bpf_obj_get_info_by_fd(fd, &map, &size);
		if (fd >= 0)
			close(fd);
		if (error || strchr(map.name, '.'))
			continue; /* a program's own constants */
		mine = bpf_object__find_map_by_name(object->obj, map.name);
		error = !mine || links_map_id(bpf_map__fd(mine)) != maps[i];
		control |= mine == object->maps.control;
	}
	return !error && control;
}

static int append(struct links_row **rows, size_t *count, const struct links_row *row)
{
	int error = array_append(rows, count, row, sizeof(*row));

	return error ? hc_error_errno(error, "cannot list the links") : 0;
}

int links_read(const struct headcount_bpf *object, struct links_row **rows, size_t *count)
{
	__u32 id = 0, map = links_map_id(bpf_map__fd(object->maps.control));
	int error = 0;

	*rows = NULL;
	*count = 0;
	while (!error && !bpf_link_get_next_id(id, &id)) {
		struct bpf_link_info info = {};
		__u32 size = sizeof(info);
		struct links_row row = {};
		int fd = bpf_link_get_fd_by_id(id);

		if (fd < 0)
			continue;
		if (!bpf_obj_get_info_by_fd(fd, &info, &size) &&
		    uses(info.prog_id, map, &row)) {
			say_where(&info, &row);
			error = append(rows, count, &row);
		}
		close(fd);
	}
	return error;
}

/* Fills the row of a pinned link: 0, or -errno if it is none. */
static int read_pinned(const char *path, struct links_row *row)
{
	struct bpf_link_info info = {};
	__u32 size = sizeof(info);
	int link = bpf_obj_get(path), program = -1, error;

	if (link < 0)
		return -errno;
	error = bpf_obj_get_info_by_fd(link, &info, &size) ? -errno : 0;
	if (!error) {
		program = bpf_prog_get_fd_by_id(info.prog_id);
		error = program < 0 ? -errno : links_read_program(program, row);
		say_where(&info, row);
	}
	if (program >= 0)
		close(program);
	close(link);
	return error;
}

int links_read_folder(const char *folder, struct links_row **rows, size_t *count)
{
	DIR *files = opendir(folder);
	struct dirent *entry;
	char path[PIN_PATH];
	int error = 0;

	if (!files)
		return hc_error_errno(errno, "cannot read %s", folder);
	while (!error && (entry = readdir(files))) {
		struct links_row row = {};

		const char *name = pin_link_name(entry->d_name);

		/* Maps are pinned there too. */
		if (name && !read_pinned(pin_path_link(folder, name, path), &row))
			error = append(rows, count, &row);
	}
	closedir(files);
	return error;
}
