/* SPDX-License-Identifier: GPL-2.0-only */
/* What this machine offers: privileges, mounts, kernel features. */
#ifndef HEADCOUNT_PROBE_H
#define HEADCOUNT_PROBE_H

#include <stdbool.h>
#include <stddef.h>

struct probe_feature {
	const char *name;
	const char *needed_for;
	bool required; /* nothing works without it */
	bool found;
};

/* Tries each feature once. Returns a static table; `*count` its rows. */
const struct probe_feature *probe_features(size_t *count);

/* 0, or prints which capability is missing and returns -EPERM. */
int probe_privileges(void);

/* 0, or prints which required features are missing and returns -ENOTSUP. */
int probe_required(void);

/* Is the cgroup v2 mount the hierarchy's root (not a cgroup namespace's)? */
bool probe_cgroup_is_root(void);

/* Where bpffs is mounted: /sys/fs/bpf if it is, else the first one, else NULL. */
const char *probe_bpffs(void);

/* Mounts bpffs at /sys/fs/bpf where there is none, and says so. `*mounted` tells
 * whether it did. Prints the error. */
int probe_mount_bpffs(bool *mounted);

#endif
