// SPDX-License-Identifier: GPL-2.0-only
/*
 * What comes between the gate and the SYN of a connect(): another session, that takes the way
 * of a reservation that was forgotten; or a reload. It cannot be brought about by waiting, so a
 * program that runs after ours in connect() writes into our maps what would be there then.
 */
#include "gate.h"

#include <fcntl.h>
#include <stddef.h>
#include <sys/socket.h>

#include "user/base/cgroup.h"
#include "user/kernel/attach.h"
#include "user/kernel/state.h"

#define WHO 54321

static struct headcount_bpf *programs;
static struct attachments links;
static int listener = -1, sockets[2] = {-1, -1};

static void open_sockets(void)
{
	struct sockaddr_in any = {.sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(listen(listener, 5), 0);
	for (int i = 0; i < 2; i++)
		sockets[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static void connect_as(uid_t uid, int fd)
{
	struct sockaddr_in local;
	socklen_t size = sizeof(local);

	assert_int_equal(getsockname(listener, (struct sockaddr *)&local, &size), 0);
	assert_int_equal(setresuid(uid, 0, 0), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&local, size), 0);
	assert_int_equal(setresuid(0, 0, 0), 0);
}

static void attach_all(void)
{
	struct load_request request = {.programs = LOAD_TRACE | LOAD_STATE | LOAD_CONNECT};

	start(SMALL "[service outbound]\nuser = uid\ncap = 100\n");
	request.shared = object;
	assert_int_equal(load_object(&programs, &request), 0);
	assert_int_equal(attach_state(&links, programs), 0);
	assert_int_equal(attach_trace(&links, programs), 0);
	assert_int_equal(attach_release(&links, programs), 0);
	assert_int_equal(attach_connect(&links, programs), 0);
}

/* The user's sessions; with `add` after changing them by so many. */
static __u32 active(__s32 add)
{
	struct state_user *users;
	struct hc_user_set set;
	__u32 index, number = 0;
	size_t count;

	assert_int_equal(state_read_users(object, &users, &count), 0);
	for (size_t i = 0; i < count; i++) {
		if (users[i].user.key.kind != HC_BY_UID || users[i].user.key.uid != WHO)
			continue;
		index = (users[i].position - 1) / HC_WAYS;
		map_get(object->maps.users, &index, &set, BPF_F_LOCK);
		set.way[(users[i].position - 1) % HC_WAYS].word += add;
		map_put(object->maps.users, &index, &set, BPF_F_LOCK);
		number = hc_user_active(&set.way[(users[i].position - 1) % HC_WAYS]);
	}
	free(users);
	return number;
}

static __u64 cookie_of(int fd)
{
	__u64 cookie;
	socklen_t size = sizeof(cookie);

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size), 0);
	return cookie;
}

/* The first way of the socket's first set that has this id. */
static int way_of(int fd, __u64 id, __u32 *index, struct hc_session_set *set)
{
	*index = session_set_of(cookie_of(fd), 0, bpf_map__max_entries(object->maps.sessions));
	map_get(object->maps.sessions, index, set, 0);
	for (int way = 0; way < HC_SESSION_WAYS; way++)
		if (set->id[way] == id)
			return way;
	fail_msg("session %llu is not in set %u", id, *index);
	return -1;
}

/* Connects the second socket. Behind our gate so many bytes of the map's element, BPF_W or
 * BPF_DW, are set. */
static void connect_beside(const struct bpf_map *map, __u32 index, __s16 where, __u8 size,
			   __u64 value)
{
	const struct bpf_insn code[] = {
		{.code = BPF_ST | BPF_MEM | BPF_W, .dst_reg = 10, .off = -4, .imm = index},
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 2, .src_reg = 10},
		{.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 2, .imm = -4},
		{.code = BPF_LD | BPF_DW | BPF_IMM,
		 .dst_reg = 1,
		 .src_reg = BPF_PSEUDO_MAP_FD,
		 .imm = bpf_map__fd(map)},
		{},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_map_lookup_elem},
		{.code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = 0, .off = 3},
		{.code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = 1, .imm = (__s32)value},
		{.imm = value >> 32},
		{.code = BPF_STX | BPF_MEM | size, .dst_reg = 0, .src_reg = 1, .off = where},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 1},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, options,
		    .expected_attach_type = BPF_CGROUP_INET4_CONNECT);
	int root = open(cgroup_mount(), O_RDONLY | O_CLOEXEC), program, link;

	program = bpf_prog_load(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "stranger", "GPL", code,
				sizeof(code) / sizeof(code[0]), &options);
	assert_true(program >= 0);
	link = bpf_link_create(program, root, BPF_CGROUP_INET4_CONNECT, NULL);
	assert_true(link >= 0);
	close(program);
	close(root);
	connect_as(WHO, sockets[1]);
	close(link);
}

static void close_all(void)
{
	for (int i = 0; i < 2; i++) {
		close(sockets[i]);
		sockets[i] = -1;
	}
	close(listener);
	listener = -1;
}

static int finish(void **state)
{
	close_all();
	attach_close(&links);
	headcount_bpf__destroy(programs);
	programs = NULL;
	return end(state);
}

/* A session, and the user charged for another one: that has the same charge. Where the second
 * socket's record will be is in `set`. */
static __u64 charge_twice(__u32 *index, int *way, struct hc_session_set *set)
{
	__u64 charge;

	open_sockets();
	attach_all();
	connect_as(WHO, sockets[0]);
	assert_int_equal(active(0), 1);
	*way = way_of(sockets[0], cookie_of(sockets[0]), index, set);
	charge = set->way[*way].charge;
	assert_true(charge != 0);
	assert_int_equal(active(1), 2);
	*way = way_of(sockets[1], 0, index, set);
	return charge;
}

/* The other one's charge has been given back, and each socket's own is when it ends. */
static void all_is_released(void)
{
	assert_int_equal(active(0), 2);
	close_all();
	for (int i = 0; i < 500 && active(0); i++)
		usleep(10000);
	assert_int_equal(active(0), 0);
}

/* The other session is charged, too, and that is in the record that it took. */
static void test_two_in_one(void **state)
{
	struct hc_session_set set;
	__u32 index;
	int way;
	__u64 charge = charge_twice(&index, &way, &set);

	(void)state;
	connect_beside(object->maps.sessions, index,
		       offsetof(struct hc_session_set, way) + way * sizeof(struct hc_session) +
			       offsetof(struct hc_session, charge),
		       BPF_DW, charge);
	all_is_released();
}

/* It has come and gone before, and left its charge in the way, which is free. */
static void test_left_behind(void **state)
{
	struct hc_session_set set;
	__u32 index;
	int way;
	__u64 charge = charge_twice(&index, &way, &set);

	(void)state;
	set.way[way].charge = charge;
	map_put(object->maps.sessions, &index, &set, BPF_ANY);
	connect_as(WHO, sockets[1]);
	all_is_released();
}

/* The policy in the other half, which is empty, tells users by their address. */
static void test_reloaded(void **state)
{
	const struct hc_user_key who = {
		.service = HC_OUTBOUND_SERVICE, .kind = HC_BY_UID, .uid = WHO};
	struct hc_control control;
	struct hc_session_set set;
	__u32 index, zero = 0;
	int way;

	(void)state;
	open_sockets();
	attach_all();
	map_get(object->maps.control, &zero, &control, 0);
	connect_beside(object->maps.control, zero, offsetof(struct hc_control, generation),
		       BPF_W, control.generation + 1);
	way = way_of(sockets[1], cookie_of(sockets[1]), &index, &set);
	assert_int_equal(set.way[way].user.kind, HC_BY_CLIENT);
	assert_true(set.way[way].charge != 0);
	assert_int_equal(user_active(&who), 0);
	assert_int_equal(user_held(&who), 0);
	close_all();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_two_in_one, begin, finish),
		cmocka_unit_test_setup_teardown(test_left_behind, begin, finish),
		cmocka_unit_test_setup_teardown(test_reloaded, begin, finish),
	};

	return RUN_GATE_TESTS(tests);
}
