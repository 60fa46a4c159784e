// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "user/base/log.h"
#include "user/kernel/pins.h"
#include "user/kernel/policy_maps.h"

int policy_put(const struct bpf_map *map, const void *key, const void *value)
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
		policy->services[id].name[HC_NAME_MAX - 1] = '\0'; /* whoever wrote it */
	}
	return 0;
}

int policy_read_new(const struct headcount_bpf *object, struct policy **policy)
{
	int error;

	*policy = malloc(sizeof(**policy));
	error = *policy ? policy_read(object, *policy)
			: hc_error_errno(ENOMEM, "cannot read the policy");
	if (error) {
		free(*policy);
		*policy = NULL;
	}
	return error;
}

int policy_read_ports(const struct headcount_bpf *object, __u32 half, __u16 ports[HC_PORTS])
{
	__u32 count = 2 * HC_PORTS, position;
	__u32 *keys = malloc(count * sizeof(*keys));
	__u16 *both = malloc(count * sizeof(*both));
	int error = keys && both ? 0 : -ENOMEM;

	if (!error && bpf_map_lookup_batch(bpf_map__fd(object->maps.ports), NULL, &position,
					   keys, both, &count, NULL))
		error = errno == ENOENT ? 0 : -errno; /* ENOENT: these were all */
	if (!error)
		memcpy(ports, both + half * HC_PORTS, HC_PORTS * sizeof(*ports));
	free(keys);
	free(both);
	return error;
}

int policy_find(const struct policy *policy, const char *name)
{
	for (int id = 0; id < HC_SERVICES_MAX; id++)
		if (policy->services[id].used && !strcmp(policy->services[id].name, name))
			return id;
	return -1;
}

int policy_lock(void)
{
	int fd = pins_folder() ? open(pins_folder(), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	while (fd >= 0 && flock(fd, LOCK_EX) && errno == EINTR)
		;
	return fd;
}
