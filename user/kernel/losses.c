// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "user/base/log.h"
#include "user/kernel/load.h"
#include "user/kernel/losses.h"

const struct loss_row loss_rows[HC_LOSS_COUNT] = {
#define X(name, kind, word, text) {word, text, LOSS_##kind},
	HC_LOSSES(X)
#undef X
};

__u64 losses_read_one(const struct headcount_bpf *object, enum hc_loss reason, __u64 *each_cpu)
{
	int cpus = libbpf_num_possible_cpus();
	__u32 key = reason;
	__u64 sum = 0;

	if (bpf_map_lookup_elem(bpf_map__fd(object->maps.losses), &key, each_cpu))
		return 0;
	for (int cpu = 0; cpu < cpus; cpu++)
		sum += each_cpu[cpu];
	return sum;
}

int losses_read(const struct headcount_bpf *object, __u64 losses[HC_LOSS_COUNT])
{
	__u64 *each_cpu = calloc(libbpf_num_possible_cpus(), sizeof(*each_cpu));

	if (!each_cpu)
		return hc_error_errno(ENOMEM, "cannot read the losses");
	for (int reason = 0; reason < HC_LOSS_COUNT; reason++)
		losses[reason] = losses_read_one(object, reason, each_cpu);
	free(each_cpu);
	return 0;
}

void losses_add(const struct headcount_bpf *object, enum hc_loss reason, __u64 count,
		__u64 *each_cpu)
{
	int map = bpf_map__fd(object->maps.losses);
	__u32 key = reason;

	if (!count || bpf_map_lookup_elem(map, &key, each_cpu))
		return;
	each_cpu[0] += count;
	bpf_map_update_elem(map, &key, each_cpu, BPF_ANY);
}
