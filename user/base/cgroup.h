/* SPDX-License-Identifier: GPL-2.0-only */
/* Cgroups (v2) by their ids, which are what the kernel's file handles of them hold. */
#ifndef HEADCOUNT_CGROUP_H
#define HEADCOUNT_CGROUP_H

#include <fcntl.h>
#include <stddef.h>
#include <linux/types.h>

#define FILEID_KERNFS 0xfe /* include/linux/exportfs.h */

union cgroup_handle {
	struct file_handle handle;
	struct {
		unsigned int bytes;
		int type;
		__u64 id;
	} kernfs;
};

/* Where cgroup v2 is mounted (from /proc/self/mounts; cached), or NULL. */
const char *cgroup_mount(void);

#define CGROUP_GONE "cgroup:"

/* A cgroup's path below the mount ("/user.slice/..."), by its id; "cgroup:ID" if it is gone. */
char *cgroup_path(__u64 id, char *text, size_t size);

#endif
