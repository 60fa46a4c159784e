// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "user/base/cgroup.h"
#include "user/kernel/feature_tries.h"

#define CALLBACKS 1008 /* TCP_BPF_SOCK_OPS_CB_FLAGS: bpf/compat.h */

#define RETURN(value)                                                                          \
	{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = (value)},                                 \
	{                                                                                      \
		.code = BPF_JMP | BPF_EXIT                                                     \
	}
#define LENGTH(code) (sizeof(code) / sizeof((code)[0]))

static struct btf *kernel_btf; /* read once, by try_btf() */
static int cast;

void tries_end(void)
{
	btf__free(kernel_btf);
	kernel_btf = NULL;
}

int try_btf(void)
{
	kernel_btf = btf__load_vmlinux_btf();
	return kernel_btf ? 0 : -ENOENT;
}

int try_cgroup(void)
{
	return cgroup_mount() ? 0 : -ENOENT;
}

int try_bpffs(void)
{
	FILE *kinds = fopen("/proc/filesystems", "re");
	char line[128];
	int error = -ENOENT;

	while (kinds && fgets(line, sizeof(line), kinds))
		if (!strcmp(line, "nodev\tbpf\n"))
			error = 0;
	if (kinds)
		fclose(kinds);
	return error;
}

/* The kernel's own type or function behind a section of a program that it runs by BTF. */
static int find_target(const char *section)
{
	const char *name = strchr(section, '/');
	char type[128];

	if (!name || !kernel_btf)
		return -ENOENT;
	if (!strncmp(section, "iter/", 5)) {
		snprintf(type, sizeof(type), "bpf_iter_%s", name + 1);
		return btf__find_by_name_kind(kernel_btf, type, BTF_KIND_FUNC);
	}
	snprintf(type, sizeof(type), "btf_trace_%s", name + 1);
	return btf__find_by_name_kind(kernel_btf, type, BTF_KIND_TYPEDEF);
}

/* A program's file, or a negative errno. `log` may be NULL. */
static int load(const char *section, const struct bpf_insn *code, size_t length, char *log,
		size_t log_size)
{
	enum bpf_attach_type attach;
	enum bpf_prog_type type;
	LIBBPF_OPTS(bpf_prog_load_opts, options, .log_buf = log, .log_size = log_size,
		    .log_level = !!log);
	int error = libbpf_prog_type_by_name(section, &type, &attach), target;

	if (error)
		return error;
	options.expected_attach_type = attach;
	if (type == BPF_PROG_TYPE_TRACING) {
		target = find_target(section);
		if (target <= 0)
			return -ENOENT;
		options.attach_btf_id = target;
	}
	return bpf_prog_load(type, "hc_probe" /* walk_program() knows it */, "GPL", code,
			     length, &options);
}

int try_program(const char *section)
{
	static const struct bpf_insn code[] = {RETURN(1)};
	static const char packet[64];
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet,
		    .data_size_in = sizeof(packet), .repeat = 1);
	int program = load(section, code, LENGTH(code), NULL, 0), error = 0;

	if (program < 0)
		return program;
	if (!strncmp(section, "cgroup_skb/", 11))
		error = bpf_prog_test_run_opts(program, &options);
	close(program);
	return error;
}

/* Called without arguments: if the verifier complains of those, it knows the helper. */
int try_helper(const char *section, int helper)
{
	const struct bpf_insn code[] = {
		{.code = BPF_JMP | BPF_CALL, .imm = helper},
		RETURN(1),
	};
	char log[8192] = "";
	int program = load(section, code, LENGTH(code), log, sizeof(log));

	if (program >= 0) {
		close(program);
		return 0;
	}
	if (!*log)
		return program;
	return strstr(log, "unknown func") || strstr(log, "invalid func") ||
			       strstr(log, "cannot use helper")
		       ? -EOPNOTSUPP
		       : 0;
}

/* Exchanges r0 with the stack's first word. */
int try_atomics(void)
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
	int program = load("socket", code, LENGTH(code), NULL, 0);

	if (program < 0)
		return program;
	close(program);
	return 0;
}

/* Casts 0. */
static int load_cast(int type, int function)
{
	const struct bpf_insn code[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_1, .imm = 0},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = type},
		{.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_KFUNC_CALL, .imm = function},
		RETURN(1),
	};

	return load("sockops", code, LENGTH(code), NULL, 0);
}

int try_cast(void)
{
	int type, function, program;

	if (!kernel_btf)
		return -ENOENT;
	type = btf__find_by_name_kind(kernel_btf, "tcp_sock", BTF_KIND_STRUCT);
	function = btf__find_by_name_kind(kernel_btf, "bpf_rdonly_cast", BTF_KIND_FUNC);
	if (type < 0 || function < 0)
		return -ENOENT;
	program = load_cast(type, function);
	if (program < 0)
		return program;
	close(program);
	cast = function;
	return 0;
}

int tried_cast(void)
{
	return cast;
}

/* Constants of the kernel's sockopts are in an enum without a name. */
int try_callbacks(void)
{
	for (__u32 id = 1; kernel_btf && id < btf__type_cnt(kernel_btf); id++) {
		const struct btf_type *type = btf__type_by_id(kernel_btf, id);
		const struct btf_enum *value = btf_enum(type);

		if (!btf_is_enum(type) || type->name_off)
			continue;
		for (int i = 0; i < btf_vlen(type); i++)
			if (value[i].val == CALLBACKS &&
			    !strcmp(btf__name_by_offset(kernel_btf, value[i].name_off),
				    "TCP_BPF_SOCK_OPS_CB_FLAGS"))
				return 0;
	}
	return -ENOENT;
}

int try_map(int type)
{
	return libbpf_probe_bpf_map_type(type, NULL) == 1 ? 0 : -EOPNOTSUPP;
}
