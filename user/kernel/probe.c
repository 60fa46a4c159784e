// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <linux/capability.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/cgroup.h"
#include "user/base/log.h"
#include "user/kernel/probe.h"

int probe_privileges(void)
{
	static const struct {
		const char *name;
		int bit;
	} needed[] = {
		{"CAP_BPF", CAP_BPF},
		{"CAP_PERFMON", CAP_PERFMON},
		{"CAP_NET_ADMIN", CAP_NET_ADMIN},
		{"CAP_SYS_ADMIN", CAP_SYS_ADMIN},
	};
	unsigned long long effective = 0;
	char line[256], missing[128] = "";
	FILE *file = fopen("/proc/self/status", "re");

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "CapEff: %llx", &effective) == 1)
			break;
	if (file)
		fclose(file);
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if (effective & (1ull << needed[i].bit))
			continue;
		strcat(missing, *missing ? ", " : "");
		strcat(missing, needed[i].name);
	}
	if (!*missing)
		return 0;
	hc_error("%s (missing: %s)",
		 geteuid() ? "must be run as root" : "capabilities are missing", missing);
	return -EPERM;
}

void probe_cgroup_is_root(void)
{
	struct stat status;

	/* The root cgroup's inode is 1 on every kernel that has cgroup v2. */
	if (!cgroup_mount() || (!stat(cgroup_mount(), &status) && status.st_ino == 1))
		return;
	hc_notice("%s is not the root of the cgroup v2 hierarchy (a cgroup namespace?): "
		  "only what is below it is counted and capped",
		  cgroup_mount());
}

const char *probe_bpffs(void)
{
	static char path[4096], told[4096] = "?"; /* told once, and when it has changed */
	struct mntent *entry;
	FILE *mounts = setmntent("/proc/self/mounts", "re");

	path[0] = '\0';
	if (!mounts)
		return NULL;
	while ((entry = getmntent(mounts)))
		if (!strcmp(entry->mnt_type, "bpf") &&
		    (!*path || !strcmp(entry->mnt_dir, PROBE_BPFFS)))
			snprintf(path, sizeof(path), "%s", entry->mnt_dir);
	endmntent(mounts);
	if (strcmp(path, told))
		hc_step("looked for a bpffs: %s", *path ? path : "not mounted");
	strcpy(told, path);
	errno = 0;
	return *path ? path : NULL;
}

int probe_mount_bpffs(bool *mounted)
{
	const char *there = probe_bpffs();

	*mounted = false;
	if (there)
		return access(there, W_OK)
			       ? hc_error_errno(errno, "cannot write to the bpffs on %s", there)
			       : 0;
	if (mount("bpffs", PROBE_BPFFS, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700"))
		return hc_error_errno(errno, "no bpffs is mounted, and mounting %s failed",
				      PROBE_BPFFS);
	*mounted = true;
	hc_notice("mounted bpffs on %s", PROBE_BPFFS);
	return 0;
}
