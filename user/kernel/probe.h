/* SPDX-License-Identifier: GPL-2.0-only */
/* What this machine offers: privileges and mounts. Kernel features: feature.h. */
#ifndef HEADCOUNT_PROBE_H
#define HEADCOUNT_PROBE_H

#include <stdbool.h>

/* 0, or prints which capability is missing and returns -EPERM. */
int probe_privileges(void);

/* Says so if the cgroup v2 mount is not the hierarchy's root, but a cgroup namespace's. */
void probe_cgroup_is_root(void);

#define PROBE_BPFFS "/sys/fs/bpf"

/* Where bpffs is mounted: /sys/fs/bpf if it is, else the first one, else NULL. */
const char *probe_bpffs(void);

/* Mounts bpffs at /sys/fs/bpf where there is none, and says so. `*mounted` tells
 * whether it did. Prints the error. */
int probe_mount_bpffs(bool *mounted);

#endif
