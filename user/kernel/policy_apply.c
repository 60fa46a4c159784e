// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "user/base/log.h"
#include "user/kernel/labels.h"
#include "user/kernel/policy_apply.h"
#include "user/kernel/policy_caps.h"
#include "user/kernel/policy_maps.h"
#include "user/kernel/totals_maps.h"

/* Deletes the entries of `half` from a map whose keys hold their half at `offset`. */
static void clear_half(const struct bpf_map *map, size_t offset, __u16 half)
{
	char key[128], next[128];
	int fd = bpf_map__fd(map);
	bool more = !bpf_map_get_next_key(fd, NULL, next);

	while (more) {
		__u16 entry;

		memcpy(key, next, bpf_map__key_size(map));
		more = !bpf_map_get_next_key(fd, key, next);
		memcpy(&entry, key + offset, sizeof(entry));
		if (entry == half)
			bpf_map_delete_elem(fd, key);
	}
}

/* Names keep their ids, so that users and sessions stay where they are. New names
 * get ids in turn: none is used again before all have been, lest the users of a
 * service that is gone appear under another. `*next` is moved on. */
static int assign_ids(const struct policy *now, const struct config *config, int *ids,
		      __u32 *next)
{
	bool taken[HC_SERVICES_MAX] = {
		[HC_OUTBOUND_SERVICE] = true, [HC_INBOUND_SERVICE] = true};

	for (int id = 0; id < HC_SERVICES_MAX; id++)
		taken[id] |= now->services[id].used;
	for (size_t i = 0; i < config->service_count; i++) {
		int tries = 0;

		ids[i] = i < HC_FIRST_SERVICE
				 ? (int)i
				 : policy_find(now, config->services[i].service.name);
		if (ids[i] >= 0)
			continue;
		while (taken[*next % HC_SERVICES_MAX] && tries++ < HC_SERVICES_MAX)
			++*next;
		if (taken[*next % HC_SERVICES_MAX])
			return hc_error("too many services: at most %d, including those "
					"being replaced",
					HC_SERVICES_MAX);
		ids[i] = *next % HC_SERVICES_MAX;
		taken[ids[i]] = true;
		++*next;
	}
	return 0;
}

static struct hc_override value_of(const struct config_override *override)
{
	return (struct hc_override){
		.cap = override->cap,
		.traits = override->traits,
		.idle = override->idle,
	};
}

static int write_label_override(const struct headcount_bpf *object,
				const struct config_override *override, __u32 half, int id)
{
	struct hc_label_override_key key = {
		.prefixlen = HC_OVERRIDE_BITS + 8 * override->bits,
		.half = half,
		.service = id,
		.label = override->label,
	};
	struct hc_override value = value_of(override);

	return policy_put(object->maps.label_overrides, &key, &value);
}

static int write_labellers(const struct headcount_bpf *object,
			   const struct config_service *from, __u32 half, int id)
{
	const __u8 may = 1;
	int error = 0;

	for (size_t i = 0; i < from->labeller_count && !error; i++) {
		struct hc_labeller_key key = {half, id, from->labellers[i]};

		error = policy_put(object->maps.labellers, &key, &may);
	}
	return error;
}

static int write_service(const struct headcount_bpf *object, const struct config_service *from,
			 __u32 half, int id)
{
	struct hc_service service = from->service;
	__u32 index = half * HC_SERVICES_MAX + id;
	int error = 0;

	for (size_t i = 0; i < from->override_count && !error; i++) {
		const struct config_override *override = &from->overrides[i];
		struct hc_override_key key = {
			.prefixlen = HC_OVERRIDE_BITS + override->bits,
			.half = half,
			.service = id,
		};

		struct hc_override value = value_of(override);

		if (override->key.kind == HC_BY_LABEL) {
			error = write_label_override(object, override, half, id);
			continue;
		}
		memcpy(key.id, override->key.id, sizeof(key.id));
		error = policy_put(object->maps.overrides, &key, &value);
	}
	error = error ?: write_labellers(object, from, half, id);
	return error ?: policy_put(object->maps.services, &index, &service);
}

/* The ports of one line: into `ports`, or with an address into the map of those. */
static int write_listen(const struct headcount_bpf *object, const struct config_listen *listen,
			__u16 id, __u16 half, __u16 ports[HC_PORTS])
{
	struct hc_address_key key = {.half = half};
	int error = 0;

	memcpy(key.address, listen->address, sizeof(key.address));
	for (__u32 port = listen->port; port <= listen->last && !error; port++) {
		if (!memcmp(key.address, (__u8[16]){}, sizeof(key.address))) {
			ports[port] |= id;
			continue;
		}
		ports[port] |= HC_PORT_BY_ADDRESS;
		key.port = port;
		error = policy_put(object->maps.addresses, &key, &id);
	}
	return error;
}

static int write_ports(const struct headcount_bpf *object, const struct config *config,
		       const int *ids, __u16 half)
{
	static __u16 ports[HC_PORTS], there[HC_PORTS];
	int error = policy_read_ports(object, half, there);

	if (error)
		return hc_error_errno(error, "cannot read the map ports");
	memset(ports, 0, sizeof(ports));
	for (size_t i = 0; i < config->service_count && !error; i++) {
		const struct config_service *service = &config->services[i];

		for (size_t j = 0; j < service->listens && !error; j++)
			error = write_listen(object, &service->listen[j], ids[i], half, ports);
	}
	for (__u32 port = 0; port < HC_PORTS && !error; port++) {
		__u32 index = half * HC_PORTS + port;

		if (there[port] != ports[port])
			error = policy_put(object->maps.ports, &index, &ports[port]);
	}
	return error;
}

static int write_namespaces(const struct headcount_bpf *object,
			    const struct netns_list *enforced, __u32 half)
{
	int fd = bpf_map__fd(object->maps.namespaces), error = 0;
	__u32 bit = 1u << half, inode, next;
	bool more = !bpf_map_get_next_key(fd, NULL, &next);
	struct hc_namespace namespace;

	while (more) {
		inode = next;
		more = !bpf_map_get_next_key(fd, &inode, &next);
		if (bpf_map_lookup_elem(fd, &inode, &namespace))
			continue;
		namespace.halves &= ~bit;
		if (namespace.halves)
			error = policy_put(object->maps.namespaces, &inode, &namespace)
					?: error;
		else
			bpf_map_delete_elem(fd, &inode);
	}
	for (size_t i = 0; i < enforced->count && !error; i++) {
		inode = enforced->items[i].inode;
		if (bpf_map_lookup_elem(fd, &inode, &namespace))
		namespace.halves = 0;
		namespace.halves |= bit;
		/* Of the half in force, too: the namespace of that number is this one. */
		namespace.cookie = enforced->items[i].cookie;
		error = policy_put(object->maps.namespaces, &inode, &namespace);
	}
	return error;
}

/* All of a half. Services that go leave their names: late events still carry their ids. */
static int write_half(const struct headcount_bpf *object, const struct policy *now,
		      const struct config *config, const struct netns_list *enforced,
		      const int *ids)
{
	__u32 half = !policy_half(now);
	int error = 0;

	clear_half(object->maps.overrides, offsetof(struct hc_override_key, half), half);
	clear_half(object->maps.label_overrides, offsetof(struct hc_label_override_key, half),
		   half);
	clear_half(object->maps.labellers, offsetof(struct hc_labeller_key, half), half);
	clear_half(object->maps.addresses, offsetof(struct hc_address_key, half), half);
	for (__u32 id = 0; id < HC_SERVICES_MAX && !error; id++) {
		__u32 index = half * HC_SERVICES_MAX + id;
		struct hc_service gone = {};

		memcpy(gone.name, now->services[id].name, sizeof(gone.name));
		error = policy_put(object->maps.services, &index, &gone);
	}
	for (size_t i = 0; i < config->service_count && !error; i++)
		error = write_service(object, &config->services[i], half, ids[i]);
	error = error ?: write_ports(object, config, ids, half);
	error = error ?: write_namespaces(object, enforced, half);
	if (!error)
		policy_limit_by_caps(object, half);
	return error;
}

/* The next generation, and that is the switch. */
static int switch_half(const struct headcount_bpf *object, struct policy *now,
		       const struct config *config, const struct netns_list *enforced)
{
	__u32 half = !policy_half(now), zero = 0;
	int error;

	now->control.netns[half] = enforced->count ? enforced->items[0].inode : 0;
	now->control.netns_cookie[half] = enforced->count ? enforced->items[0].cookie : 0;
	now->control.ignoring &= ~(1u << half);
	if (config_ignores_orphans(config))
		now->control.ignoring |= 1u << half;
	now->control.labelling &= ~(1u << half);
	if (config_labels(config))
		now->control.labelling |= 1u << half;
	error = policy_put(object->maps.control, &zero, &now->control);
	now->control.generation++;
	return error ?: policy_put(object->maps.control, &zero, &now->control);
}

int policy_apply(const struct headcount_bpf *object, const struct config *config,
		 const struct netns_list *enforced)
{
	struct policy *now = NULL;
	int *ids = calloc(config->service_count, sizeof(*ids)), error, lock = policy_lock();

	error = ids ? 0 : hc_error_errno(ENOMEM, "cannot apply the configuration");
	error = error ?: policy_read_new(object, &now);
	error = error ?: assign_ids(now, config, ids, &now->control.next_id);
	for (size_t i = 0; i < config->service_count && !error; i++)
		if (!now->services[ids[i]].used)
			error = counters_clear(object, ids[i]);
	if (!error && config_labels(config))
		error = labels_make(object);
	error = error ?: write_half(object, now, config, enforced, ids);
	error = error ?: switch_half(object, now, config, enforced);
	if (!error) {
		hc_step("wrote the policy: %zu services, generation %u", config->service_count,
			now->control.generation);
		policy_drop_caps(object, ids, config->service_count);
		if (!policy_read(object, now))
			policy_tell_caps(object, now);
	}
	if (lock >= 0)
		close(lock);
	free(now);
	free(ids);
	return error;
}
