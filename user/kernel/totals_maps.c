// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "user/base/log.h"
#include "user/kernel/totals_maps.h"

/* The kernel's own rounding changes nothing: these are whole words. */
#define WORDS (sizeof(struct hc_counters) / sizeof(__u64))

int counters_read(const struct headcount_bpf *object, struct hc_counters *counters)
{
	int cpus = libbpf_num_possible_cpus(), error = 0;
	__u64 *each = calloc(cpus, sizeof(*counters));

	if (!each)
		return hc_error_errno(ENOMEM, "cannot read the counters");
	memset(counters, 0, HC_SERVICES_MAX * sizeof(*counters));
	for (__u32 id = 0; id < HC_SERVICES_MAX && !error; id++) {
		__u64 *sum = (__u64 *)&counters[id];

		if (bpf_map_lookup_elem(bpf_map__fd(object->maps.totals), &id, each))
			error = hc_error_errno(errno, "cannot read the counters");
		for (size_t i = 0; i < cpus * WORDS && !error; i++)
			sum[i % WORDS] += each[i];
	}
	free(each);
	return error;
}

int counters_read_new(const struct headcount_bpf *object, struct hc_counters **counters)
{
	int error;

	*counters = calloc(HC_SERVICES_MAX, sizeof(**counters));
	error = *counters ? counters_read(object, *counters)
			  : hc_error_errno(ENOMEM, "cannot read the counters");
	if (error) {
		free(*counters);
		*counters = NULL;
	}
	return error;
}

__u64 counters_sessions(const struct hc_counters *counters)
{
	__s64 count = 0;

	for (int id = 0; id < HC_SERVICES_MAX; id++) {
		count += counters[id].opened;
		for (int end = 0; end < HC_END_COUNT; end++)
			count -= counters[id].closed[end];
	}
	/* The CPUs are read one after the other: an end may have come before its beginning. */
	return count > 0 ? count : 0;
}

int totals_of_services(const struct headcount_bpf *object, const struct policy *policy,
		       struct service_total *totals)
{
	struct hc_counters *counts;
	struct hc_service_state state;
	int error = counters_read_new(object, &counts);

	for (__u32 id = 0; id < HC_SERVICES_MAX && !error; id++) {
		const struct hc_service *service = &policy->services[id];

		if (!service->used || service->total == HC_UNLIMITED)
			continue;
		if (bpf_map_lookup_elem_flags(bpf_map__fd(object->maps.service_states), &id,
					      &state, BPF_F_LOCK))
			error = hc_error_errno(errno, "cannot read the counters");
		totals[id] = (struct service_total){
			state.slots.active, counters_refused(&counts[id], HC_SCOPE_TOTAL)};
	}
	free(counts);
	return error;
}

int counters_clear(const struct headcount_bpf *object, __u32 id)
{
	struct hc_counters *none = calloc(libbpf_num_possible_cpus(), sizeof(*none));
	struct hc_stranger nobody = {};
	int error = 0;

	if (!none || bpf_map_update_elem(bpf_map__fd(object->maps.totals), &id, none, BPF_ANY))
		error = hc_error_errno(none ? errno : ENOMEM, "cannot write the counters");
	free(none);
	return error ?: policy_put(object->maps.strangers, &id, &nobody);
}
