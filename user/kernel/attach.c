// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "user/base/array.h"
#include "user/base/cgroup.h"
#include "user/base/log.h"
#include "user/kernel/attach.h"
#include "user/kernel/feature.h"
#include "user/kernel/links.h"
#include "user/kernel/pins.h"

#define NETNS_LINK      "netns_"
#define RELEASE_LINK    "on_release"
#define STATE_LINK      "on_state"
#define DESTROYED_LINK  "on_destroyed"
#define MILESTONE_LINK  "on_milestone"
#define LABEL_LINK      "on_setsockopt"
#define LABEL_READ_LINK "on_getsockopt"

static struct attach_link *list(struct attachments *links, const char *name)
{
	struct attach_link item = {};

	snprintf(item.name, sizeof(item.name), "%s", name);
	if (array_append(&links->items, &links->count, &item, sizeof(item)))
		return NULL;
	return &links->items[links->count - 1];
}

/* Is a program attached to the root cgroup that allows no others? */
static bool is_taken(const struct bpf_program *program)
{
	enum bpf_attach_type type = bpf_program__expected_attach_type(program);
	int root = open(cgroup_mount(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	__u32 flags = 0, programs[1], count = 1;
	/* ENOSPC: there is more than one, so they allow others. */
	bool taken = !bpf_prog_query(root, type, 0, &flags, programs, &count) && count &&
		     !(flags & BPF_F_ALLOW_MULTI);

	close(root);
	return taken;
}

static int explain_attach(const struct bpf_program *program, unsigned int netns, int error)
{
	const char *section = load_section(program);

	if (error == EPERM && !netns && is_taken(program))
		return hc_error("cannot attach %s: another program on this hook allows no "
				"others (see bpftool cgroup tree)",
				section);
	return hc_error_errno(error, "cannot attach %s, needed for %s", section,
			      features_need(section));
}

/* Takes the link over, pinning it if we pin. */
static int keep(struct attachments *links, struct bpf_link *link,
		const struct bpf_program *program, const char *name, unsigned int netns)
{
	struct attach_link *item;
	int error;

	if (!link)
		return explain_attach(program, netns, errno);
	error = links->pinned ? pins_link(link, name, links->live) : 0;
	item = error ? NULL : list(links, name);
	if (!item) {
		bpf_link__destroy(link);
		return error ?: hc_error_errno(ENOMEM, "cannot attach %s", name);
	}
	item->link = link;
	item->program = fcntl(bpf_program__fd(program), F_DUPFD_CLOEXEC, 0);
	item->netns = netns;
	if (netns)
		hc_step("attached %s to the network namespace %u", load_section(program),
			netns);
	else
		hc_step("attached %s", load_section(program));
	return 0;
}

static int to_cgroup(struct attachments *links, struct bpf_program *program)
{
	int root = open(cgroup_mount(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), error;

	if (root < 0)
		return hc_error_errno(errno, "cannot open %s", cgroup_mount());
	error = keep(links, bpf_program__attach_cgroup(program, root), program,
		     bpf_program__name(program), 0);
	close(root);
	return error;
}

int attach_trace(struct attachments *links, const struct headcount_bpf *object)
{
	/* Ends before beginnings: what is charged is sure to be released. */
	return keep(links, bpf_program__attach_trace(object->progs.on_destroyed),
		    object->progs.on_destroyed, DESTROYED_LINK, 0)
		       ?: to_cgroup(links, object->progs.on_milestone);
}

int attach_connect(struct attachments *links, const struct headcount_bpf *object)
{
	return to_cgroup(links, object->progs.on_connect4)
		       ?: to_cgroup(links, object->progs.on_connect6);
}

int attach_resent(struct attachments *links, const struct headcount_bpf *object)
{
	return keep(links, bpf_program__attach_trace(object->progs.on_resent),
		    object->progs.on_resent, "on_resent", 0);
}

static struct attach_link *find(struct attachments *links, const char *name)
{
	for (size_t i = 0; i < links->count; i++)
		if (!strcmp(links->items[i].name, name))
			return &links->items[i];
	return NULL;
}

int attach_state(struct attachments *links, const struct headcount_bpf *object)
{
	return find(links, STATE_LINK)
		       ? 0
		       : keep(links, bpf_program__attach_trace(object->progs.on_state),
			      object->progs.on_state, STATE_LINK, 0);
}

bool attach_has_state(struct attachments *links)
{
	return find(links, STATE_LINK);
}

/* The pin goes, and the link with it. */
static void drop(struct attachments *links, struct attach_link *item)
{
	if (links->pinned)
		pins_drop_link(item->name);
	bpf_link__destroy(item->link);
	close(item->program);
	*item = links->items[--links->count];
}

int attach_release(struct attachments *links, const struct headcount_bpf *object)
{
	struct load_request request = {.programs = LOAD_RELEASE, .shared = object};
	struct headcount_bpf *copy;
	int error;

	if (find(links, RELEASE_LINK))
		return 0;
	error = load_object(&copy, &request);
	error = error ?: to_cgroup(links, copy->progs.on_release);
	/* The link holds the program. */
	headcount_bpf__destroy(copy);
	return error;
}

bool attach_has_release(struct attachments *links)
{
	return find(links, RELEASE_LINK);
}

void attach_drop_release(struct attachments *links)
{
	struct attach_link *item = find(links, RELEASE_LINK);

	if (!item)
		return;
	drop(links, item);
	hc_step("detached cgroup/sock_release");
}

bool attach_has_labels(struct attachments *links)
{
	return find(links, LABEL_LINK) && find(links, LABEL_READ_LINK);
}

int attach_labels(struct attachments *links, const struct headcount_bpf *object)
{
	struct load_request request = {.programs = LOAD_LABEL, .shared = object};
	struct headcount_bpf *copy;
	int error;

	if (attach_has_labels(links))
		return 0;
	attach_drop_labels(links);
	error = load_object(&copy, &request);
	error = error ?: to_cgroup(links, copy->progs.on_getsockopt);
	error = error ?: to_cgroup(links, copy->progs.on_setsockopt);
	headcount_bpf__destroy(copy);
	return error;
}

void attach_drop_labels(struct attachments *links)
{
	static const char *const names[] = {LABEL_LINK, LABEL_READ_LINK};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct attach_link *item = find(links, names[i]);

		if (!item)
			continue;
		drop(links, item);
		hc_step("detached %s", names[i]);
	}
}

int attach_arrival(struct attachments *links, const struct headcount_bpf *object,
		   const struct netns *netns)
{
	struct load_request request = {
		.programs = LOAD_ARRIVAL,
		.shared = object,
		.netns = netns->inode,
	};
	struct headcount_bpf *copy;
	char name[64];
	int error = load_object(&copy, &request);

	if (error)
		return error;
	snprintf(name, sizeof(name), NETNS_LINK "%u", netns->inode);
	error = keep(links, bpf_program__attach_netns(copy->progs.on_arrival, netns->fd),
		     copy->progs.on_arrival, name, netns->inode);
	/* The link holds the program. */
	headcount_bpf__destroy(copy);
	return error;
}

bool attach_has_arrival(const struct attachments *links, unsigned int netns)
{
	for (size_t i = 0; i < links->count; i++)
		if (links->items[i].netns && links->items[i].netns == netns)
			return true;
	return false;
}

void attach_drop_arrival(struct attachments *links, unsigned int netns)
{
	for (size_t i = 0; i < links->count; i++) {
		struct attach_link *item = &links->items[i];

		if (!item->netns || item->netns != netns)
			continue;
		drop(links, item);
		hc_step("detached the gate of the network namespace %u", netns);
		return;
	}
}

/* Is the pinned link attached to anything still, with a program on these maps? A
 * namespace that is gone leaves its link dead, and its inode number to the next one. */
static bool is_live(const char *name, const struct headcount_bpf *object, __u32 *program)
{
	struct bpf_link_info info = {};
	__u32 size = sizeof(info);
	char path[PIN_PATH];
	int fd = bpf_obj_get(pin_path_link(pins_folder(), name, path));
	bool live;

	if (fd < 0)
		return false;
	live = !bpf_obj_get_info_by_fd(fd, &info, &size) &&
	       (info.type != BPF_LINK_TYPE_NETNS || info.netns.netns_ino) &&
	       (info.type != BPF_LINK_TYPE_CGROUP || info.cgroup.cgroup_id) &&
	       links_program_shares(info.prog_id, object);
	close(fd);
	*program = info.prog_id;
	return live;
}

bool attach_is_whole(const struct headcount_bpf *object)
{
	struct hc_control control;
	__u32 zero = 0, program;

	if (bpf_map_lookup_elem(bpf_map__fd(object->maps.control), &zero, &control))
		return false;

	const bool outbound = control.directions & 1u << HC_OUTBOUND;
	const bool inbound = control.directions & 1u << HC_INBOUND;
	const bool ignoring = control.ignoring & 1u << (control.generation & 1);
	const bool labelling = control.labelling & 1u << (control.generation & 1);
	const struct {
		const char *name;
		bool needed;
	} rows[] = {
		{DESTROYED_LINK, true},    {MILESTONE_LINK, true},
		{"on_connect4", outbound}, {"on_connect6", outbound},
		{"on_resent", inbound},    {RELEASE_LINK, ignoring},
		{LABEL_LINK, labelling},   {LABEL_READ_LINK, labelling},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].needed && !is_live(rows[i].name, object, &program))
			return false;
	return true;
}

static int adopt(struct attachments *links, const char *name, __u32 program)
{
	struct attach_link *item = list(links, name);
	char path[PIN_PATH];

	if (!item)
		return hc_error_errno(ENOMEM, "cannot adopt the link %s", name);
	/* Held, lest enforcement ends should the bpffs be unmounted. */
	item->link = bpf_link__open(pin_path_link(pins_folder(), name, path));
	item->program = bpf_prog_get_fd_by_id(program);
	item->adopted = true;
	hc_step("adopted the link %s", path);
	if (!strncmp(name, NETNS_LINK, strlen(NETNS_LINK)))
		item->netns = strtoul(name + strlen(NETNS_LINK), NULL, 10);
	return 0;
}

int attach_adopt(struct attachments *links, const struct headcount_bpf *object)
{
	DIR *folder = opendir(pins_folder());
	struct dirent *entry;
	int error = 0;

	if (!folder)
		return hc_error_errno(errno, "cannot read %s", pins_folder());
	while (!error && (entry = readdir(folder))) {
		const char *name = pin_link_name(entry->d_name);
		__u32 program;

		if (!name)
			continue;
		if (is_live(name, object, &program))
			error = adopt(links, name, program);
		else
			pins_drop_link(name);
	}
	closedir(folder);
	links->pinned = links->live = true;
	return error;
}

void attach_close(struct attachments *links)
{
	/* In reverse: the gates open before the trace ends. */
	while (links->count) {
		struct attach_link *item = &links->items[--links->count];

		bpf_link__destroy(item->link);
		close(item->program);
	}
	free(links->items);
	memset(links, 0, sizeof(*links));
}
