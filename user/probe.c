// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <linux/capability.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "log.h"
#include "probe.h"
#include "user_name.h"

#define BPFFS "/sys/fs/bpf"

static bool have_tracepoint(const struct btf *btf, const char *name)
{
	char type[128];

	snprintf(type, sizeof(type), "btf_trace_%s", name);
	return btf && btf__find_by_name_kind(btf, type, BTF_KIND_TYPEDEF) > 0;
}

static bool have_iterator(const struct btf *btf, const char *name)
{
	char type[128];

	snprintf(type, sizeof(type), "bpf_iter_%s", name);
	return btf && btf__find_by_name_kind(btf, type, BTF_KIND_FUNC) > 0;
}

static bool have_program(enum bpf_prog_type type)
{
	return libbpf_probe_bpf_prog_type(type, NULL) == 1;
}

static bool have_retval(void)
{
	return libbpf_probe_bpf_helper(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_FUNC_set_retval,
				       NULL) == 1;
}

const struct probe_feature *probe_features(size_t *count)
{
	static struct probe_feature rows[] = {
		{"btf", "reading kernel structures (CONFIG_DEBUG_INFO_BTF)", true, false},
		{"tp_btf/inet_sock_set_state", "seeing sessions end", true, false},
		{"sockops", "seeing sessions begin", true, false},
		{"cgroup2", "attaching to the whole host (a cgroup v2 mount)", true, false},
		{"ringbuf", "events", true, false},
		{"iter/tcp", "sessions older than headcount, sessions, audit", true, false},
		{"iter/task_file", "processes of sessions older than headcount", true, false},
		{"cgroup/connect", "outbound caps", true, false},
		{"sk_lookup", "inbound caps", true, false},
		{"bpf_set_retval", "errno of a refused connect(); without it EPERM", false,
		 false},
	};
	static bool done;
	struct btf *btf;
	int i = 0;

	*count = sizeof(rows) / sizeof(rows[0]);
	if (done)
		return rows;
	btf = btf__load_vmlinux_btf();
	rows[i++].found = btf;
	rows[i++].found = have_tracepoint(btf, "inet_sock_set_state");
	rows[i++].found = have_program(BPF_PROG_TYPE_SOCK_OPS);
	rows[i++].found = cgroup_mount();
	rows[i++].found = libbpf_probe_bpf_map_type(BPF_MAP_TYPE_RINGBUF, NULL) == 1;
	rows[i++].found = have_iterator(btf, "tcp");
	rows[i++].found = have_iterator(btf, "task_file");
	rows[i++].found = have_program(BPF_PROG_TYPE_CGROUP_SOCK_ADDR);
	rows[i++].found = have_program(BPF_PROG_TYPE_SK_LOOKUP);
	rows[i++].found = have_retval();
	btf__free(btf);
	done = true;
	return rows;
}

int probe_required(void)
{
	size_t count;
	const struct probe_feature *rows = probe_features(&count);

	for (size_t i = 0; i < count; i++) {
		if (rows[i].found || !rows[i].required)
			continue;
		hc_error("this machine lacks %s, which is needed for %s", rows[i].name,
			 rows[i].needed_for);
		return -ENOTSUP;
	}
	if (!probe_cgroup_is_root())
		hc_notice(
			"%s is not the root of the cgroup v2 hierarchy (a cgroup namespace?): "
			"only what is below it is counted and capped",
			cgroup_mount());
	return 0;
}

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

bool probe_cgroup_is_root(void)
{
	struct stat status;

	/* The root cgroup's inode is 1 on every kernel that has cgroup v2. */
	return cgroup_mount() && !stat(cgroup_mount(), &status) && status.st_ino == 1;
}

const char *probe_bpffs(void)
{
	static char path[4096];
	struct mntent *entry;
	FILE *mounts = setmntent("/proc/self/mounts", "re");

	path[0] = '\0';
	while (mounts && (entry = getmntent(mounts))) {
		if (strcmp(entry->mnt_type, "bpf"))
			continue;
		if (!*path || !strcmp(entry->mnt_dir, BPFFS))
			snprintf(path, sizeof(path), "%s", entry->mnt_dir);
	}
	if (mounts)
		endmntent(mounts);
	return *path ? path : NULL;
}

int probe_mount_bpffs(bool *mounted)
{
	*mounted = false;
	if (probe_bpffs())
		return 0;
	if (mount("bpffs", BPFFS, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700"))
		return hc_error_errno(errno, "no bpffs is mounted, and %s cannot be", BPFFS);
	*mounted = true;
	hc_notice("mounted bpffs on %s", BPFFS);
	return 0;
}
