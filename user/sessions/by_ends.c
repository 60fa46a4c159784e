// SPDX-License-Identifier: GPL-2.0-only
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <bpf/bpf.h>

#include "user/base/log.h"
#include "user/base/netns.h"
#include "user/base/put.h"
#include "user/kernel/labels.h"
#include "user/kernel/state.h"
#include "user/sessions/by_ends.h"

#define ENTRIES_AT_ONCE 1024 /* of the index */

int by_ends_netns(const char *name, __u32 *cookie)
{
	char *names[] = {(char *)name};
	struct netns_list list;
	int error = netns_resolve(&list, names, name ? 1 : 0);

	if (error)
		return error;
	*cookie = list.items[0].cookie;
	netns_free(&list);
	return *cookie ? 0
		       : hc_error("cannot enter the network namespace %s",
				  name ?: "that this is");
}

static int copy_end(const struct sockaddr_storage *from, __u8 address[16], __u16 *port)
{
	const struct sockaddr_in6 *six = (const void *)from;
	const struct sockaddr_in *four = (const void *)from;

	memset(address, 0, 16);
	switch (from->ss_family) {
	case AF_INET:
		memset(address + 10, 0xff, 2);
		memcpy(address + 12, &four->sin_addr, 4);
		*port = ntohs(four->sin_port);
		return 0;
	case AF_INET6:
		memcpy(address, &six->sin6_addr, 16);
		*port = ntohs(six->sin6_port);
		return 0;
	}
	return -ENOPROTOOPT;
}

int by_ends_of(int fd, struct hc_label_socket *ends)
{
	struct sockaddr_storage local, remote;
	socklen_t size = sizeof(local), remote_size = sizeof(remote);
	int error;

	if (getsockname(fd, (struct sockaddr *)&local, &size) ||
	    getpeername(fd, (struct sockaddr *)&remote, &remote_size))
		return -errno;
	error = copy_end(&local, ends->local, &ends->local_port);
	error = error ?: copy_end(&remote, ends->remote, &ends->remote_port);
	ends->netns_cookie = netns_cookie(fd);
	return error;
}

/* Entries may be left over from sessions that are gone. */
static bool is_there(const struct headcount_bpf *object, __u64 id)
{
	struct hc_session session;

	return state_read_session(object, id, &session);
}

/* How many sessions have this remote end; `*id` is one of them. Or a negative errno. */
static int count_remote(const struct headcount_bpf *object, const struct hc_label_socket *ends,
			struct hc_label_socket *keys, struct hc_labelling *entries, __u64 *id)
{
	int found = 0, last = 0;
	__u32 position, count;
	bool first = true;

	while (!last) {
		count = ENTRIES_AT_ONCE;
		last = bpf_map_lookup_batch(labels_sockets(), first ? NULL : &position,
					    &position, keys, entries, &count, NULL);
		if (last && last != -ENOENT)
			return last;
		first = false;
		for (__u32 i = 0; i < count; i++) {
			if (keys[i].remote_port != ends->remote_port ||
			    keys[i].netns_cookie != ends->netns_cookie ||
			    memcmp(keys[i].remote, ends->remote, sizeof(ends->remote)) ||
			    !is_there(object, entries[i].id))
				continue;
			found++;
			*id = entries[i].id;
		}
	}
	return found;
}

static int find_remote(const struct headcount_bpf *object, const struct hc_label_socket *ends,
		       __u64 *id)
{
	struct hc_label_socket *keys = calloc(ENTRIES_AT_ONCE, sizeof(*keys));
	struct hc_labelling *entries = calloc(ENTRIES_AT_ONCE, sizeof(*entries));
	int found = keys && entries ? count_remote(object, ends, keys, entries, id) : -ENOMEM;

	free(keys);
	free(entries);
	return found;
}

static int find_whole(const struct headcount_bpf *object, const struct hc_label_socket *ends,
		      __u64 *id)
{
	struct hc_labelling entry;

	if (bpf_map_lookup_elem(labels_sockets(), ends, &entry))
		return errno == ENOENT ? 0 : -errno;
	*id = entry.id;
	return is_there(object, entry.id);
}

int by_ends_find(const struct headcount_bpf *object, const struct hc_label_socket *ends,
		 __u64 *id)
{
	char text[END_TEXT];
	int found = 0;

	if (labels_sockets() < 0)
		labels_use(object); /* the first service by label may have come since */
	if (labels_sockets() >= 0)
		found = ends->local_port ? find_whole(object, ends, id)
					 : find_remote(object, ends, id);
	end_format(ends->remote, ends->remote_port, text);
	if (found < 0)
		return hc_error_errno(found, "cannot look for the session with %s", text);
	if (!found) {
		hc_error("no session with %s is of a service by label, in this network "
			 "namespace",
			 text);
		return -ENOENT;
	}
	if (found == 1)
		return 0;
	hc_error("%d sessions with %s: say which by local, too", found, text);
	return -ENOTUNIQ;
}
