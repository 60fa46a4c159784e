// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "log.h"
#include "totals_user.h"

/* The kernel's own rounding changes nothing: these are whole words. */
#define WORDS (sizeof(struct hc_totals) / sizeof(__u64))

int totals_read(const struct headcount_bpf *object, struct hc_totals *totals)
{
	int cpus = libbpf_num_possible_cpus(), error = 0;
	__u64 *each = calloc(cpus, sizeof(*totals));

	if (!each)
		return hc_error_errno(ENOMEM, "cannot read the totals");
	memset(totals, 0, HC_SERVICES_MAX * sizeof(*totals));
	for (__u32 id = 0; id < HC_SERVICES_MAX && !error; id++) {
		__u64 *sum = (__u64 *)&totals[id];

		if (bpf_map_lookup_elem(bpf_map__fd(object->maps.totals), &id, each))
			error = hc_error_errno(errno, "cannot read the totals");
		for (size_t i = 0; i < cpus * WORDS && !error; i++)
			sum[i % WORDS] += each[i];
	}
	free(each);
	return error;
}

int totals_clear(const struct headcount_bpf *object, __u32 id)
{
	struct hc_totals *none = calloc(libbpf_num_possible_cpus(), sizeof(*none));
	int error = 0;

	if (!none || bpf_map_update_elem(bpf_map__fd(object->maps.totals), &id, none, BPF_ANY))
		error = hc_error_errno(none ? errno : ENOMEM, "cannot write the totals");
	free(none);
	return error;
}
