// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sockets of a direction that is not counted are not asked to call back. on_milestone is
 * attached to a cgroup of our own, and after it a program that looks at what it has asked for;
 * what others have at the root runs after both, so that nothing else on the machine shows here.
 */
#include "gate.h"

#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "user/base/cgroup.h"

static struct headcount_bpf *programs;
static struct bpf_link *milestone;
static char folder[PATH_MAX];
static int group = -1, map = -1, look = -1;

static int make_group(void)
{
	snprintf(folder, sizeof(folder), "%s/headcount-test-%d", cgroup_mount(), getpid());
	if (!mkdir(folder, 0755))
		group = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return group;
}

/* Where a socket connects: its callbacks, and that there was one. */
static void attach_look(void)
{
	const struct bpf_insn code[] = {
		{.code = BPF_LDX | BPF_MEM | BPF_W,
		 .dst_reg = 2,
		 .src_reg = 1,
		 .off = offsetof(struct bpf_sock_ops, op)},
		{.code = BPF_JMP | BPF_JNE | BPF_K,
		 .dst_reg = 2,
		 .off = 5,
		 .imm = BPF_SOCK_OPS_TCP_CONNECT_CB},
		{.code = BPF_LDX | BPF_MEM | BPF_W,
		 .dst_reg = 2,
		 .src_reg = 1,
		 .off = offsetof(struct bpf_sock_ops, bpf_sock_ops_cb_flags)},
		{.code = BPF_LD | BPF_DW | BPF_IMM,
		 .dst_reg = 3,
		 .src_reg = BPF_PSEUDO_MAP_VALUE,
		 .imm = map},
		{},
		{.code = BPF_STX | BPF_MEM | BPF_W, .dst_reg = 3, .src_reg = 2},
		{.code = BPF_ST | BPF_MEM | BPF_W, .dst_reg = 3, .off = 4, .imm = 1},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 1},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int program = bpf_prog_load(BPF_PROG_TYPE_SOCK_OPS, "look", "GPL", code,
				    sizeof(code) / sizeof(code[0]), NULL);

	assert_true(program >= 0);
	look = bpf_link_create(program, group, BPF_CGROUP_SOCK_OPS, NULL);
	close(program);
	assert_true(look >= 0);
}

/* A process of the group connects to us. */
static void connect_once(void)
{
	struct sockaddr_in local = {.sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(local);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), status, procs;
	pid_t child;

	assert_int_equal(bind(listener, (struct sockaddr *)&local, size), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&local, &size), 0);
	child = fork();
	if (!child) {
		procs = openat(group, "cgroup.procs", O_WRONLY);
		if (procs < 0 || write(procs, "0", 1) != 1)
			_exit(1);
		_exit(connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&local, size)
			      ? 2
			      : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	close(listener);
	assert_int_equal(status, 0);
}

/* What a socket that connects is asked for, when `text` is the configuration. */
static __u32 asked(const char *text)
{
	struct load_request request = {.programs = LOAD_TRACE};
	__u32 zero = 0, seen[2];

	if (!cgroup_mount() || make_group() < 0) {
		print_message("no cgroup can be made: %s\n", strerror(errno));
		skip();
	}
	start(text);
	request.shared = object;
	assert_int_equal(load_object(&programs, &request), 0);
	milestone = bpf_program__attach_cgroup(programs->progs.on_milestone, group);
	assert_non_null(milestone);
	map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "seen", sizeof(zero), sizeof(seen), 1, NULL);
	assert_true(map >= 0);
	attach_look();
	connect_once();
	assert_int_equal(bpf_map_lookup_elem(map, &zero, seen), 0);
	assert_int_equal(seen[1], 1);
	return seen[0];
}

static int finish(void **state)
{
	close(look);
	close(map);
	bpf_link__destroy(milestone);
	milestone = NULL;
	headcount_bpf__destroy(programs);
	programs = NULL;
	if (group >= 0) {
		close(group);
		assert_int_equal(rmdir(folder), 0);
	}
	look = map = group = -1;
	return end(state);
}

static void test_both(void **state)
{
	(void)state;
	assert_int_equal(asked(SMALL), BPF_SOCK_OPS_STATE_CB_FLAG);
}

static void test_outbound(void **state)
{
	(void)state;
	assert_int_equal(asked(SMALL "directions = outbound\n"), BPF_SOCK_OPS_STATE_CB_FLAG);
}

static void test_inbound(void **state)
{
	(void)state;
	assert_int_equal(asked(SMALL "directions = inbound\n"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_both, begin, finish),
		cmocka_unit_test_setup_teardown(test_outbound, begin, finish),
		cmocka_unit_test_setup_teardown(test_inbound, begin, finish),
	};

	return RUN_GATE_TESTS(tests);
}
