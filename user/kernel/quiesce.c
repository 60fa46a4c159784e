// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel waits so when an element of a map of maps is written (since 4.20:
 * maybe_wait_bpf_programs() in kernel/bpf/syscall.c), whatever it was booted with.
 * membarrier(2) does not with nohz_full=, and waits for nobody on a host of one CPU, where a
 * program may be preempted all the same.
 */
#include <errno.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "user/kernel/quiesce.h"

int quiesce_programs(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, options);
	__u32 zero = 0;
	int inner = bpf_map_create(BPF_MAP_TYPE_ARRAY, "hc_inner", 4, 4, 1, NULL);
	int outer = -EBADF, error = inner;

	if (inner >= 0) {
		options.inner_map_fd = inner;
		error = outer = bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "hc_outer", 4, 4, 1,
					       &options);
	}
	if (outer >= 0)
		error = bpf_map_update_elem(outer, &zero, &inner, BPF_ANY);
	if (outer >= 0)
		close(outer);
	if (inner >= 0)
		close(inner);
	return error < 0 ? error : 0;
}
