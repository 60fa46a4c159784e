// SPDX-License-Identifier: GPL-2.0-only
/* The session table: where the record of a socket finds room, and when not. The
 * socket walk makes the records, of two real sockets in a namespace of our own. */
#include "gate.h"

#include <net/if.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>

static int sockets[3] = {-1, -1, -1}; /* a listener and the two ends of a session */
static struct headcount_bpf *walker;

/* Accepted by nobody yet. */
static void open_queued(void)
{
	struct ifreq up = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	struct sockaddr_in local = {.sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(local);

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	sockets[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	sockets[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(ioctl(sockets[0], SIOCSIFFLAGS, &up), 0);
	assert_int_equal(bind(sockets[0], (struct sockaddr *)&local, size), 0);
	assert_int_equal(listen(sockets[0], 1), 0);
	assert_int_equal(getsockname(sockets[0], (struct sockaddr *)&local, &size), 0);
	assert_int_equal(connect(sockets[1], (struct sockaddr *)&local, size), 0);
}

static void open_session(void)
{
	open_queued();
	sockets[2] = accept(sockets[0], NULL, NULL);
	assert_true(sockets[2] >= 0);
}

static int close_session(void **state)
{
	for (int i = 0; i < 3; i++) {
		close(sockets[i]);
		sockets[i] = -1;
	}
	headcount_bpf__destroy(walker);
	walker = NULL;
	return end(state);
}

/* Fills the first `sets` sets with reservations of other sockets, made at `when`. */
static void fill(__u32 sets, __u64 when)
{
	struct hc_session_set full = {};

	for (int way = 0; way < HC_SESSION_WAYS; way++) {
		full.id[way] = 1ull << 60 | way;
		full.way[way].flags = HC_S_CONNECTING;
		full.way[way].opened_ns = when;
	}
	for (__u32 set = 0; set < sets; set++)
		map_put(object->maps.sessions, &set, &full, BPF_ANY);
}

/* In how many ways of the table the session is. */
static int copies(__u64 id)
{
	__u32 sets = bpf_map__max_entries(object->maps.sessions);
	struct hc_session_set set;
	int found = 0;

	for (__u32 index = 0; index < sets; index++) {
		map_get(object->maps.sessions, &index, &set, 0);
		for (int way = 0; way < HC_SESSION_WAYS; way++)
			found += set.id[way] == id;
	}
	return found;
}

/* Walks the sockets: the rows of a session's two ends. */
static struct walk_sockets walk(void)
{
	struct load_request request = {.programs = LOAD_WALK_SOCKETS | LOAD_WALK_REPAIRS,
				       .shared = object,
				       .adopt = true};
	struct walk_sockets found = {};
	struct netns_list here;

	assert_int_equal(netns_resolve(&here, NULL, 0), 0);
	assert_int_equal(load_object(&walker, &request), 0);
	assert_int_equal(walk_sockets(walker, &here.items[0], &found), 0);
	assert_int_equal(found.count, 2);
	netns_free(&here);
	return found;
}

/* How many of the two have a record now. */
static int adopt(void)
{
	struct walk_sockets found = walk();
	int tracked = 0;

	for (size_t i = 0; i < found.count; i++) {
		assert_int_equal(copies(found.rows[i].id), found.rows[i].tracked);
		assert_int_equal(copies(found.rows[i].id ^ HC_SESSION_HIDDEN), 0);
		tracked += found.rows[i].tracked;
	}
	free(found.rows);
	return tracked;
}

/* Sets that are full are passed over, level by level. */
static void test_levels(void **state)
{
	static const __u32 full[] = {0, HC_SESSION_HOT, HC_SESSION_HOT * 8};

	for (size_t i = 0; i < sizeof(full) / sizeof(full[0]); i++) {
		open_session();
		start("[headcount]\nsessions_max = 65536\n");
		fill(full[i], clock_monotonic_ns());
		assert_int_equal(adopt(), 2);
		assert_int_equal(lost(HC_LOSS_SESSIONS_FULL), 0);
		close_session(state);
	}
}

/* A full table: admitted, not tracked, counted. */
static void test_full(void **state)
{
	(void)state;
	open_session();
	start(SMALL);
	fill(bpf_map__max_entries(object->maps.sessions), clock_monotonic_ns());
	assert_int_equal(adopt(), 0);
	assert_int_equal(lost(HC_LOSS_SESSIONS_FULL), 2);
}

/* A table full of reservations whose slots were forgotten long since is empty. */
static void test_forgotten(void **state)
{
	(void)state;
	open_session();
	start(SMALL);
	fill(bpf_map__max_entries(object->maps.sessions),
	     clock_monotonic_ns() - ((HC_TICKS + 2ull) << HC_HELD_SHIFT));
	assert_int_equal(adopt(), 2);
	assert_int_equal(lost(HC_LOSS_SESSIONS_FULL), 0);
}

/* What was in CLOSE as it was charged is ended, and nothing else; twice does no harm. */
static void test_closed_meanwhile(void **state)
{
	struct walk_sockets found;

	(void)state;
	open_session();
	start(SMALL);
	found = walk();
	assert_int_equal(walk_end_closed(walker, &found), 0);
	assert_int_equal(copies(found.rows[0].id) + copies(found.rows[1].id), 2);
	found.rows[1].state = TCP_CLOSE;
	for (int i = 0; i < 2; i++)
		assert_int_equal(walk_end_closed(walker, &found), 0);
	assert_int_equal(copies(found.rows[0].id), 1);
	assert_int_equal(copies(found.rows[1].id), 0);
	assert_int_equal(lost(HC_LOSS_CORRECTED), 0); /* that is for audit --repair */
	free(found.rows);
}

/* A session in the queue of a listener that is not known (any more) came in all the same. */
static void test_queued(void **state)
{
	struct hc_listening entry = {};
	struct walk_sockets found;
	socklen_t size = sizeof(__u64);
	int inbound = 0;
	__u64 listener;

	(void)state;
	open_queued();
	start(SMALL);
	assert_int_equal(getsockopt(sockets[0], SOL_SOCKET, SO_COOKIE, &listener, &size), 0);
	map_put(object->maps.listening, &listener, &entry, BPF_ANY); /* so it is not noted */
	found = walk();
	for (size_t i = 0; i < found.count; i++)
		inbound += found.rows[i].session.direction == HC_INBOUND;
	assert_int_equal(inbound, 1);
	free(found.rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_levels, begin, close_session),
		cmocka_unit_test_setup_teardown(test_full, begin, close_session),
		cmocka_unit_test_setup_teardown(test_forgotten, begin, close_session),
		cmocka_unit_test_setup_teardown(test_closed_meanwhile, begin, close_session),
		cmocka_unit_test_setup_teardown(test_queued, begin, close_session),
	};

	return RUN_GATE_TESTS(tests);
}
