// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "user/base/address.h"
#include "user/base/array.h"
#include "user/base/log.h"
#include "user/base/put.h"
#include "user/kernel/policy_view.h"

static int add_listen(struct policy_view *view, const struct policy_listen *listen)
{
	if (listen->service >= HC_SERVICES_MAX) /* damaged */
		return 0;
	return array_append(&view->listens, &view->listen_count, listen, sizeof(*listen));
}

/* Ports in a row that are of one service are one range. */
static int read_ports(const struct headcount_bpf *object, struct policy_view *view)
{
	__u16 *ports = malloc(HC_PORTS * sizeof(*ports));
	struct policy_listen range = {};
	int error = ports ? 0 : -ENOMEM;

	error = error ?: policy_read_ports(object, policy_half(&view->policy), ports);
	for (__u32 port = 0; port < HC_PORTS && !error; port++) {
		__u16 service = ports[port] & ~HC_PORT_BY_ADDRESS;

		if (range.service && service == range.service) {
			range.last = port;
			continue;
		}
		if (range.service)
			error = add_listen(view, &range);
		range = (struct policy_listen){service, port, port, {}};
	}
	if (range.service && !error)
		error = add_listen(view, &range);
	free(ports);
	return error;
}

static int read_addresses(const struct headcount_bpf *object, struct policy_view *view)
{
	int fd = bpf_map__fd(object->maps.addresses), error = 0;
	struct hc_address_key key, *before = NULL;

	while (!error && !bpf_map_get_next_key(fd, before, &key)) {
		struct policy_listen listen = {.first = key.port, .last = key.port};

		before = &key;
		if (key.half != policy_half(&view->policy) ||
		    bpf_map_lookup_elem(fd, &key, &listen.service))
			continue;
		memcpy(listen.address, key.address, sizeof(listen.address));
		error = add_listen(view, &listen);
	}
	return error;
}

static int by_place(const void *left, const void *right)
{
	const struct policy_listen *a = left, *b = right;
	int order = a->service - b->service;

	order = order ?: memcmp(a->address, b->address, sizeof(a->address));
	return order ?: a->first - b->first;
}

/* Neighbours in order: ports in a row at one address are one range, too. */
static void join_ranges(struct policy_view *view)
{
	struct policy_listen *items = view->listens;
	size_t kept = 0;

	if (!items)
		return;
	qsort(items, view->listen_count, sizeof(*items), by_place);
	for (size_t i = 0; i < view->listen_count; i++) {
		struct policy_listen *last = kept ? &items[kept - 1] : NULL;

		if (last && last->service == items[i].service &&
		    last->last + 1 == items[i].first &&
		    !memcmp(last->address, items[i].address, sizeof(last->address)))
			last->last = items[i].last;
		else
			items[kept++] = items[i];
	}
	view->listen_count = kept;
}

static int by_user(const void *left, const void *right)
{
	const struct policy_override *a = left, *b = right;
	int order = a->key.service - b->key.service;

	order = order ?: memcmp(a->key.id, b->key.id, sizeof(a->key.id));
	order = order ?: memcmp(&a->label, &b->label, sizeof(a->label));
	return order ?: a->key.prefix - b->key.prefix;
}

static int read_overrides(const struct headcount_bpf *object, struct policy_view *view)
{
	int fd = bpf_map__fd(object->maps.overrides), error = 0;
	struct hc_override_key key, *before = NULL;

	while (!error && !bpf_map_get_next_key(fd, before, &key)) {
		const struct hc_service *service =
			&view->policy.services[key.service % HC_SERVICES_MAX];
		struct policy_override override = {
			.key.service = key.service,
			.key.kind = service->identify,
		};

		before = &key;
		if (key.half != policy_half(&view->policy) || key.service >= HC_SERVICES_MAX ||
		    bpf_map_lookup_elem(fd, &key, &override.value))
			continue;
		if (service->identify == HC_BY_LABEL)
			override.key.kind = HC_UNLABELLED;
		memcpy(override.key.id, key.id, sizeof(key.id));
		override.key.prefix = key.prefixlen - HC_OVERRIDE_BITS;
		if (override.key.prefix ==
		    128) /* exact: a user as the service tells them apart */
			override.key.prefix = address_is_ipv4(key.id)
						      ? IPV4_BITS + service->prefix4
						      : service->prefix6;
		error = array_append(&view->overrides, &view->override_count, &override,
				     sizeof(override));
	}
	return error;
}

static int read_label_overrides(const struct headcount_bpf *object, struct policy_view *view)
{
	int fd = bpf_map__fd(object->maps.label_overrides), error = 0;
	struct hc_label_override_key key, *before = NULL;

	while (!error && !bpf_map_get_next_key(fd, before, &key)) {
		struct policy_override override = {
			.key.service = key.service,
			.key.kind = HC_BY_LABEL,
			.label = key.label,
			.bits = (key.prefixlen - HC_OVERRIDE_BITS) / 8,
		};

		before = &key;
		if (key.half != policy_half(&view->policy) || key.service >= HC_SERVICES_MAX ||
		    bpf_map_lookup_elem(fd, &key, &override.value))
			continue;
		error = array_append(&view->overrides, &view->override_count, &override,
				     sizeof(override));
	}
	if (view->overrides)
		qsort(view->overrides, view->override_count, sizeof(*view->overrides), by_user);
	return error;
}

static int by_uid(const void *left, const void *right)
{
	const struct policy_labeller *a = left, *b = right;

	return (a->service - b->service) ?: a->uid < b->uid ? -1 : a->uid > b->uid;
}

static int read_labellers(const struct headcount_bpf *object, struct policy_view *view)
{
	int fd = bpf_map__fd(object->maps.labellers), error = 0;
	struct hc_labeller_key key, *before = NULL;

	while (!error && !bpf_map_get_next_key(fd, before, &key)) {
		struct policy_labeller labeller = {key.service, key.uid};

		before = &key;
		if (key.half == policy_half(&view->policy) && key.service < HC_SERVICES_MAX)
			error = array_append(&view->labellers, &view->labeller_count, &labeller,
					     sizeof(labeller));
	}
	if (view->labellers)
		qsort(view->labellers, view->labeller_count, sizeof(*view->labellers), by_uid);
	return error;
}

static int read_namespaces(const struct headcount_bpf *object, struct policy_view *view)
{
	int fd = bpf_map__fd(object->maps.namespaces), error = 0;
	struct hc_namespace namespace;
	__u32 inode, *before = NULL;

	while (!error && !bpf_map_get_next_key(fd, before, &inode)) {
		before = &inode;
		if (!bpf_map_lookup_elem(fd, &inode, &namespace) &&
		    namespace.halves & 1u << policy_half(&view->policy))
			error = array_append(&view->namespaces, &view->namespace_count, &inode,
					     sizeof(inode));
	}
	return error;
}

struct policy_view *policy_view_read(const struct headcount_bpf *object)
{
	struct policy_view *view = calloc(1, sizeof(*view));
	int lock = policy_lock(), error = view ? policy_read(object, &view->policy) : -ENOMEM;
	bool told = view && error;

	error = error ?: read_ports(object, view);
	error = error ?: read_addresses(object, view);
	error = error ?: read_overrides(object, view);
	error = error ?: read_label_overrides(object, view);
	error = error ?: read_labellers(object, view);
	error = error ?: read_namespaces(object, view);
	if (error && !told)
		hc_error_errno(error, "cannot read the policy");
	error = error ?: policy_read_caps(object, &view->moments, &view->moment_count);
	if (lock >= 0)
		close(lock);
	if (error) {
		policy_view_free(view);
		return NULL;
	}
	join_ranges(view);
	return view;
}

void policy_view_free(struct policy_view *view)
{
	if (!view)
		return;
	free(view->listens);
	free(view->overrides);
	free(view->moments);
	free(view->labellers);
	free(view->namespaces);
	free(view);
}
