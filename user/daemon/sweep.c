// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <sys/stat.h>

#include <bpf/bpf.h>

#include "user/base/log.h"
#include "user/daemon/netns_helper.h"
#include "user/daemon/sweep.h"

static int make_here(void *context, int link)
{
	int fd = bpf_iter_create(link);

	(void)context;
	return fd < 0 ? hc_error_errno(errno, "cannot read the iterator walk_sockets") : fd;
}

struct there {
	struct netns_helper *helper;
	const struct netns *netns;
};

static int make_there(void *context, int link)
{
	const struct there *there = context;

	return netns_helper_iterate(there->helper, there->netns, link);
}

/* A silent helper is told of elsewhere, and waited for: it hides nothing else. */
static int more_of(int error, int other)
{
	return error && (error != NETNS_HELPER_SILENT || !other) ? error : other;
}

int sweep_sockets(const struct sweep *sweep, const struct walk_wish *wish,
		  struct walk_sockets *found)
{
	const struct netns_list *netns = sweep->netns;
	int error = walk_sweep(sweep->walker, wish, make_here, NULL, found), one;
	struct stat ours;

	if (stat("/proc/self/ns/net", &ours))
		ours.st_ino = 0;
	for (size_t i = 0; i < netns->count; i++) {
		struct there there = {sweep->helper, &netns->items[i]};

		if (netns->items[i].inode == ours.st_ino)
			continue;
		one = walk_sweep(sweep->walker, wish, make_there, &there, found);
		error = more_of(error, one);
	}
	return error;
}

void sweep_keepalive(const struct sweep *sweep, const struct config *config)
{
	struct walk_sockets found = {};
	bool any = false;

	for (size_t i = 0; i < config->service_count; i++)
		any |= config->services[i].service.keepalive > 0;
	if (any && sweep_sockets(sweep, &(struct walk_wish){}, &found))
		hc_error("keepalive is not set for all open sessions");
	walk_free(&found);
}
