// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <linux/capability.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "log.h"
#include "probe.h"
#include "cgroup.h"

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

/* Does the verifier take these instructions? Nothing is attached or kept. */
static bool loads(enum bpf_prog_type type, enum bpf_attach_type attach, int btf_id,
		  const struct bpf_insn *code, size_t count)
{
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = attach,
		    .attach_btf_id = btf_id);
	int program = bpf_prog_load(type, "hc_probe", "GPL", code, count, &options);

	if (program >= 0)
		close(program);
	return program >= 0;
}
#define LOADS(type, attach, btf_id, code)                                                      \
	loads(type, attach, btf_id, code, sizeof(code) / sizeof((code)[0]))

#define RETURN(value)                                                                          \
	{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = (value)},                                 \
	{                                                                                      \
		.code = BPF_JMP | BPF_EXIT                                                     \
	}

static bool have_release(void)
{
	static const struct bpf_insn code[] = {RETURN(1)};

	return LOADS(BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET_SOCK_RELEASE, 0, code);
}

/* Exchanges r0 with the stack's first word. */
static bool have_atomics(void)
{
	static const struct bpf_insn code[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 0},
		{.code = BPF_STX | BPF_MEM | BPF_DW, .dst_reg = BPF_REG_10, .off = -8},
		{.code = BPF_STX | BPF_ATOMIC | BPF_DW,
		 .dst_reg = BPF_REG_10,
		 .off = -8,
		 .imm = BPF_XCHG},
		RETURN(0),
	};

	return LOADS(BPF_PROG_TYPE_SOCKET_FILTER, 0, 0, code);
}

/* Asks for the cookie of the tracepoint's first argument, a socket. */
static bool have_cookie(const struct btf *btf)
{
	static const struct bpf_insn code[] = {
		{.code = BPF_LDX | BPF_MEM | BPF_DW,
		 .dst_reg = BPF_REG_1,
		 .src_reg = BPF_REG_1},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_get_socket_cookie},
		RETURN(0),
	};
	int tracepoint = btf ? btf__find_by_name_kind(btf, "btf_trace_inet_sock_set_state",
						      BTF_KIND_TYPEDEF)
			     : -ENOENT;

	return tracepoint > 0 &&
	       LOADS(BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, tracepoint, code);
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
		{"cgroup/sock_release", "outbound caps: connects without a route", true, false},
		{"atomic exchange", "counts that are exact (Linux 5.12)", true, false},
		{"socket cookie in tp_btf", "telling sessions apart (Linux 5.12)", true, false},
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
	rows[i++].found = have_release();
	rows[i++].found = have_atomics();
	rows[i++].found = have_cookie(btf);
	rows[i++].found = have_retval();
	btf__free(btf);
	done = true;
	return rows;
}

int probe_required(void)
{
	size_t count;
	const struct probe_feature *rows = probe_features(&count);
	char lacking[1024] = "";
	int length = 0;

	for (size_t i = 0; i < count; i++) {
		if (rows[i].found || !rows[i].required)
			continue;
		length += snprintf(lacking + length, sizeof(lacking) - length,
				   "%s%s, needed for %s", length ? "; " : "", rows[i].name,
				   rows[i].needed_for);
		/* Without BTF, whatever is told by BTF is missing too. */
		if (!i)
			break;
	}
	if (length)
		return hc_error("this machine lacks %s", lacking), -ENOTSUP;
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
		return access(probe_bpffs(), W_OK)
			       ? hc_error_errno(errno, "cannot write to the bpffs on %s",
						probe_bpffs())
			       : 0;
	if (mount("bpffs", BPFFS, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700"))
		return hc_error_errno(errno, "no bpffs is mounted, and %s cannot be", BPFFS);
	*mounted = true;
	hc_notice("mounted bpffs on %s", BPFFS);
	return 0;
}
