// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "log.h"
#include "pins.h"
#include "policy_user.h"
#include "totals_user.h"

static int put(const struct bpf_map *map, const void *key, const void *value)
{
	if (!bpf_map_update_elem(bpf_map__fd(map), key, value, BPF_ANY))
		return 0;
	if (errno == E2BIG || errno == ENOSPC) /* a hash, or a trie */
		return hc_error("the map %s is full: %u entries", bpf_map__name(map),
				bpf_map__max_entries(map));
	return hc_error_errno(errno, "cannot write the map %s", bpf_map__name(map));
}

int policy_read(const struct headcount_bpf *object, struct policy *policy)
{
	__u32 zero = 0;

	if (bpf_map_lookup_elem(bpf_map__fd(object->maps.control), &zero, &policy->control))
		return hc_error_errno(errno, "cannot read the control record");
	for (__u32 id = 0; id < HC_SERVICES_MAX; id++) {
		__u32 index = policy_half(policy) * HC_SERVICES_MAX + id;

		if (bpf_map_lookup_elem(bpf_map__fd(object->maps.services), &index,
					&policy->services[id]))
			return hc_error_errno(errno, "cannot read the services");
	}
	return 0;
}

int policy_find(const struct policy *policy, const char *name)
{
	for (int id = 0; id < HC_SERVICES_MAX; id++)
		if (policy->services[id].used && !strcmp(policy->services[id].name, name))
			return id;
	return -1;
}

/* Deletes the entries of `half` from a map whose keys hold their half at `offset`. */
static void clear_half(const struct bpf_map *map, size_t offset, __u16 half)
{
	char key[64], next[64];
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
			return hc_error("too many services: %d at most, those that are being "
					"replaced included",
					HC_SERVICES_MAX);
		ids[i] = *next % HC_SERVICES_MAX;
		taken[ids[i]] = true;
		++*next;
	}
	return 0;
}

static int write_service(const struct headcount_bpf *object, const struct config_service *from,
			 __u32 half, int id)
{
	struct hc_service service = from->service;
	__u32 index = half * HC_SERVICES_MAX + id;
	int error = 0;

	service.used = true;
	for (size_t i = 0; i < from->override_count && !error; i++) {
		const struct config_override *override = &from->overrides[i];
		struct hc_override_key key = {
			.prefixlen = HC_OVERRIDE_BITS + override->bits,
			.half = half,
			.service = id,
		};

		memcpy(key.id, override->key.id, sizeof(key.id));
		error = put(object->maps.overrides, &key, &override->cap);
	}
	return error ?: put(object->maps.services, &index, &service);
}

static int write_ports(const struct headcount_bpf *object, const struct config *config,
		       const int *ids, __u16 half)
{
	static __u16 ports[HC_PORTS];
	int error = 0;

	memset(ports, 0, sizeof(ports));
	for (size_t i = 0; i < config->service_count && !error; i++) {
		const struct config_service *service = &config->services[i];

		for (size_t j = 0; j < service->listens && !error; j++) {
			const struct config_listen *listen = &service->listen[j];
			struct hc_address_key key = {.port = listen->port, .half = half};
			__u16 id = ids[i];

			memcpy(key.address, listen->address, sizeof(key.address));
			if (!memcmp(key.address, (__u8[16]){}, sizeof(key.address))) {
				ports[listen->port] |= id;
				continue;
			}
			ports[listen->port] |= HC_PORT_BY_ADDRESS;
			error = put(object->maps.addresses, &key, &id);
		}
	}
	for (__u32 port = 0; port < HC_PORTS && !error; port++) {
		__u32 index = half * HC_PORTS + port;
		__u16 now = 0;

		bpf_map_lookup_elem(bpf_map__fd(object->maps.ports), &index, &now);
		if (now != ports[port])
			error = put(object->maps.ports, &index, &ports[port]);
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
			error = put(object->maps.namespaces, &inode, &namespace) ?: error;
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
		error = put(object->maps.namespaces, &inode, &namespace);
	}
	return error;
}

/* A service with a cap of the moment is limited, whatever the file says. */
static void limit_by_caps(const struct headcount_bpf *object, __u32 half)
{
	struct hc_user_key key, *before = NULL;
	int caps = bpf_map__fd(object->maps.caps), fd = bpf_map__fd(object->maps.services);
	struct hc_service service;

	while (!bpf_map_get_next_key(caps, before, &key)) {
		__u32 index = half * HC_SERVICES_MAX + key.service;

		before = &key;
		if (bpf_map_lookup_elem(fd, &index, &service) || service.limited)
			continue;
		service.limited = true;
		bpf_map_update_elem(fd, &index, &service, BPF_ANY);
	}
}

/* Caps of the moment go with their service. */
static void drop_caps(const struct headcount_bpf *object, const int *ids, size_t count)
{
	struct hc_user_key key, next;
	int caps = bpf_map__fd(object->maps.caps);
	bool more = !bpf_map_get_next_key(caps, NULL, &next), kept;

	while (more) {
		key = next;
		more = !bpf_map_get_next_key(caps, &key, &next);
		kept = false;
		for (size_t i = 0; i < count; i++)
			kept |= ids[i] == key.service;
		if (!kept)
			bpf_map_delete_elem(caps, &key);
	}
}

/*
 * Held while the policy is read, changed and written: `cap` and a reload may come
 * at the same time. It is a lock on the folder of the pins; while there is none
 * (-1), nobody else has these maps.
 */
static int lock_policy(void)
{
	int fd = pins_folder() ? open(pins_folder(), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	while (fd >= 0 && flock(fd, LOCK_EX) && errno == EINTR)
		;
	return fd;
}

/* All of a half. Services that go leave their names: late events still carry their ids. */
static int write_half(const struct headcount_bpf *object, const struct policy *now,
		      const struct config *config, const struct netns_list *enforced,
		      const int *ids)
{
	__u32 half = !policy_half(now);
	int error = 0;

	clear_half(object->maps.overrides, offsetof(struct hc_override_key, half), half);
	clear_half(object->maps.addresses, offsetof(struct hc_address_key, half), half);
	for (__u32 id = 0; id < HC_SERVICES_MAX && !error; id++) {
		__u32 index = half * HC_SERVICES_MAX + id;
		struct hc_service gone = {};

		memcpy(gone.name, now->services[id].name, sizeof(gone.name));
		error = put(object->maps.services, &index, &gone);
	}
	for (size_t i = 0; i < config->service_count && !error; i++)
		error = write_service(object, &config->services[i], half, ids[i]);
	error = error ?: write_ports(object, config, ids, half);
	error = error ?: write_namespaces(object, enforced, half);
	if (!error)
		limit_by_caps(object, half);
	return error;
}

int policy_apply(const struct headcount_bpf *object, const struct config *config,
		 const struct netns_list *enforced)
{
	struct policy *now = malloc(sizeof(*now));
	int *ids = calloc(config->service_count, sizeof(*ids)), error, lock = lock_policy();
	__u32 zero = 0;

	error = now && ids ? 0 : hc_error_errno(ENOMEM, "cannot apply the configuration");
	error = error ?: policy_read(object, now);
	error = error ?: assign_ids(now, config, ids, &now->control.next_id);
	for (size_t i = 0; i < config->service_count && !error; i++)
		if (!now->services[ids[i]].used)
			error = totals_clear(object, ids[i]);
	error = error ?: write_half(object, now, config, enforced, ids);
	if (error)
		goto out;
	now->control.netns[!policy_half(now)] = enforced->count ? enforced->items[0].inode : 0;
	now->control.netns_cookie[!policy_half(now)] =
		enforced->count ? enforced->items[0].cookie : 0;
	error = put(object->maps.control, &zero, &now->control);
	/* The next half, and that is the switch. */
	now->control.generation++;
	error = error ?: put(object->maps.control, &zero, &now->control);
	if (error)
		goto out;
	drop_caps(object, ids, config->service_count);
	hc_step("wrote the policy: %zu services, generation %u", config->service_count,
		now->control.generation);
out:
	if (lock >= 0)
		close(lock);
	free(now);
	free(ids);
	return error;
}

__u32 policy_cap(const struct headcount_bpf *object, const struct policy *policy,
		 const struct hc_user_key *key)
{
	struct hc_override_key override = {
		.prefixlen = HC_OVERRIDE_BITS + 128,
		.half = policy_half(policy),
		.service = key->service,
	};
	__u32 cap;

	if (key->elsewhere || !policy->services[key->service].limited)
		return HC_UNLIMITED;
	if (!bpf_map_lookup_elem(bpf_map__fd(object->maps.caps), key, &cap))
		return cap;
	memcpy(override.id, key->id, sizeof(override.id));
	if (!bpf_map_lookup_elem(bpf_map__fd(object->maps.overrides), &override, &cap))
		return cap;
	return policy->services[key->service].cap;
}

int policy_set_cap(const struct headcount_bpf *object, const struct hc_user_key *key, __u32 cap,
		   bool remove)
{
	struct policy *now = malloc(sizeof(*now));
	__u32 zero = 0, index;
	int lock = lock_policy(), error;

	error = now ? policy_read(object, now) : hc_error_errno(ENOMEM, "cannot set the cap");
	if (error)
		goto out;
	if (!remove)
		error = put(object->maps.caps, key, &cap);
	else
		bpf_map_delete_elem(bpf_map__fd(object->maps.caps), key);
	if (error)
		goto out;
	if (!now->services[key->service].limited) {
		now->services[key->service].limited = true;
		index = policy_half(now) * HC_SERVICES_MAX + key->service;
		error = put(object->maps.services, &index, &now->services[key->service]);
	}
	/* Another generation of the same half makes every user's cap stale, this one's
	 * with them. */
	now->control.generation += 2;
	error = error ?: put(object->maps.control, &zero, &now->control);
out:
	if (lock >= 0)
		close(lock);
	free(now);
	return error;
}
