// SPDX-License-Identifier: GPL-2.0-only
/* What the inbound gate says to a packet, and by which policy. */
#include "gate.h"

#define EXACT IMAP "user = client/32/128\n"

static void test_unlimited(void **state)
{
	(void)state;
	start(SMALL EXACT);
	listen_at(NULL, 143);
	for (int i = 0; i < 3; i++)
		assert_int_equal(arrive("10.0.0.1"), SK_PASS);
	assert_int_equal(users_known(), 0);
	assert_int_equal(read_refusals(), 0);
}

/* Nobody listens, and it is the kernel that refuses; or the table of listeners is
 * full, and a named service that goes by address holds all the same. */
static void test_no_listener(void **state)
{
	static const struct {
		const char *text;
		enum sk_action verdict;
	} services[] = {
		{SMALL "[service inbound]\nuser = client\ncap = 0\n", SK_PASS},
		{SMALL "[service inbound]\ntotal = 0\n", SK_PASS},
		{SMALL IMAP "user = uid\ncap = 0\n", SK_PASS},
		{SMALL IMAP "user = cgroup\ntotal = 0\n", SK_PASS},
		{SMALL EXACT "total = 0\n", SK_DROP},
		{SMALL EXACT "cap = 0\n", SK_DROP},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(services) / sizeof(*services); i++) {
		enum sk_action verdict = services[i].verdict;

		start(services[i].text);
		assert_int_equal(arrive("10.0.0.1"), verdict);
		listen_at(NULL, 144);
		listen_at("192.0.2.2", 143);
		listen_at("::ffff:0.0.0.1", 143);
		enforced.items[0].inode++;
		listen_at(NULL, 143);
		enforced.items[0].inode--;
		assert_int_equal(arrive("10.0.0.1"), verdict);
		assert_int_equal(arrive("2001:db8::9"), verdict);
		assert_int_equal(users_known(), verdict == SK_PASS ? 0 : 2);
		assert_int_equal(read_refusals(), verdict == SK_PASS ? 0 : 3);
		end(NULL);
	}
	/* Whose it would have been is not known; root's it is not. */
	assert_int_equal(last.uid, HC_UID_UNKNOWN);
	assert_int_equal(last.pid, 0);
	assert_string_equal(last.comm, "");
}

/* On the address, on any of its family, on any of either. */
static void test_listeners(void **state)
{
	static const char *const where[] = {LOCAL4, "0.0.0.0", NULL};

	(void)state;
	for (size_t i = 0; i < sizeof(where) / sizeof(*where); i++) {
		start(SMALL "[service inbound]\nuser = client/32/128\ncap = 0\n");
		listen_at(where[i], 143);
		assert_int_equal(arrive("10.0.0.1"), SK_DROP);
		assert_int_equal(arrive("2001:db8::9"), where[i] ? SK_PASS : SK_DROP);
		end(NULL);
	}
}

static void test_not_tcp(void **state)
{
	struct bpf_sk_lookup packet = packet_of("10.0.0.1", LOCAL4, 143);

	(void)state;
	start(SMALL EXACT "cap = 0\n");
	listen_at(NULL, 143);
	packet.protocol = IPPROTO_UDP;
	assert_int_equal(arrive_packet(packet, 3), SK_PASS);
	assert_int_equal(users_known(), 0);
}

static void assert_record(const char *from, const char *to, const struct hc_user_key *user)
{
	__u8 remote[16], local[16];

	address_of(remote, from);
	address_of(local, to);
	assert_int_equal(read_refusals(), 1);
	assert_int_equal(last.direction, HC_INBOUND);
	assert_int_equal(last.flags, strchr(from, ':') ? 0 : HC_F_IPV4);
	assert_true(last.time_ns);
	assert_int_equal(last.id, 0);
	assert_int_equal(last.active, 0);
	assert_int_equal(last.cap, 0);
	assert_int_equal(last.suppressed, 0);
	assert_memory_equal(&last.user, user, sizeof(*user));
	assert_memory_equal(last.ends.remote, remote, 16);
	assert_memory_equal(last.ends.local, local, 16);
	assert_int_equal(last.ends.remote_port, 40000);
	assert_int_equal(last.ends.local_port, 143);
	assert_int_equal(last.ends.netns, enforced.items[0].inode);
	assert_int_equal(last.uid, 77);
	assert_int_equal(last.pid, 99);
	assert_string_equal(last.comm, "imapd");
}

static void test_refusal_record(void **state)
{
	struct hc_user_key user4, user6;

	(void)state;
	start(SMALL IMAP "user = client/24/64\ncap = 0\n");
	listen_at(NULL, 143);
	user4 = client_at("10.1.2.0");
	user4.prefix = 96 + 24;
	user6 = client_at("2001:db8:1:2::");
	user6.prefix = 64;
	assert_int_equal(arrive("10.1.2.3"), SK_DROP);
	assert_record("10.1.2.3", LOCAL4, &user4);
	assert_int_equal(arrive("2001:db8:1:2:3:4:5:6"), SK_DROP);
	assert_record("2001:db8:1:2:3:4:5:6", LOCAL6, &user6);
	/* An IPv4-mapped client is the IPv4 client. */
	assert_int_equal(arrive("::ffff:10.1.2.77"), SK_DROP);
	assert_int_equal(user_read(&user4).refused, 2);
	assert_int_equal(user_read(&user6).refused, 1);
	assert_int_equal(user_held(&user4), 0);
	assert_int_equal(users_known(), 2);
}

/* Strays open nothing: the next packet of the CPU gives their slots back. */
static void test_strays(void **state)
{
	struct hc_user_key user, other;

	(void)state;
	start(SMALL EXACT "cap = 1\n");
	listen_at(NULL, 143);
	user = client_at("10.0.0.1");
	other = client_at("2001:db8::9");
	for (int i = 0; i < 1000; i++)
		assert_int_equal(arrive("10.0.0.1"), SK_PASS);
	assert_int_equal(user_held(&user), 1);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(arrive(i % 2 ? "10.0.0.1" : "2001:db8::9"), SK_PASS);
	assert_int_equal(user_held(&user), 1);
	assert_int_equal(user_held(&other), 0);
	/* A packet that is of no interest to us is the CPU's next one too. */
	assert_int_equal(arrive_packet(packet_of("10.0.0.1", LOCAL4, 80), 1), SK_PASS);
	assert_int_equal(user_held(&user), 0);
	assert_int_equal(user_read(&user).refused, 0);
	assert_int_equal(user_read(&user).opened, 0);
	assert_int_equal(read_refusals(), 0);
}

static bool move_to(int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	return !sched_setaffinity(0, sizeof(one), &one);
}

/* A handshake of the user's besides, of the same time as its last packet. */
static void begin_handshake(const struct hc_user_key *user)
{
	struct hc_user_set set;
	struct hc_user *found;

	read_set(set_of(user), &set);
	found = user_in(&set, user);
	found->word++;
	found->held[found->tick % HC_TICKS]++;
	write_set(set_of(user), &set);
}

/* A CPU that sees no further packet gives nothing back: another one does, when it lacks what
 * that holds and 29 ms have passed; and nothing of anybody else's. */
static void test_idle_cpu(void **state)
{
	const __u64 tick = 1ull << HC_UNSURE_SHIFT;
	struct hc_user_key user = client_at("10.0.0.1");
	struct bpf_sk_lookup stray = packet_of("10.0.0.1", LOCAL4, 80);
	__u64 earliest, latest, before, after;
	int here = sched_getcpu(), there = here ? 0 : 1, got;

	(void)state;
	if (!move_to(there))
		skip();
	move_to(here);
	start(SMALL EXACT "cap = 2\n");
	listen_at(NULL, 143);
	earliest = clock_monotonic_ns() / tick;
	assert_int_equal(arrive("10.0.0.1"), SK_PASS);
	latest = clock_monotonic_ns() / tick;
	begin_handshake(&user);
	move_to(there);
	do {
		before = clock_monotonic_ns() / tick;
		got = arrive("10.0.0.1");
		after = clock_monotonic_ns() / tick;
		if (after < earliest + HC_UNSURE_TICKS - 1)
			assert_int_equal(got, SK_DROP);
		if (before > latest + HC_UNSURE_TICKS)
			assert_int_equal(got, SK_PASS);
		assert_int_equal(user_held(&user), 2);
	} while (before < latest + 4 * HC_UNSURE_TICKS);
	/* The first CPU's next packet has nothing to give back, and leaves alone what
	 * is the other's. */
	move_to(here);
	assert_int_equal(arrive_packet(stray, 1), SK_PASS);
	assert_int_equal(user_held(&user), 2);
	move_to(there);
	assert_int_equal(arrive_packet(stray, 1), SK_PASS);
	move_to(here);
	assert_int_equal(user_held(&user), 1);
}

/* The cap bounds sessions and handshakes together. */
static void test_cap(void **state)
{
	struct hc_user_key user;
	struct hc_user_set set;
	struct hc_user *found;

	(void)state;
	start(SMALL EXACT "cap = 3\n");
	listen_at(NULL, 143);
	user = client_at("10.0.0.1");
	assert_int_equal(arrive("10.0.0.1"), SK_PASS);
	user_set_active(&user, 2);
	assert_int_equal(arrive("10.0.0.1"), SK_PASS);
	user_set_active(&user, 3);
	assert_int_equal(arrive("10.0.0.1"), SK_DROP);
	assert_int_equal(arrive("10.0.0.2"), SK_PASS);
	assert_int_equal(read_refusals(), 1);
	assert_int_equal(last.active, 3);
	assert_int_equal(last.cap, 3);
	/* Two sessions and one handshake, just begun or HC_TICKS ago. */
	for (int age = 0; age <= HC_TICKS; age += HC_TICKS) {
		read_set(set_of(&user), &set);
		found = user_in(&set, &user);
		found->word = 2 + 1;
		found->tick -= age;
		memset(found->held, 0, sizeof(found->held));
		found->held[found->tick % HC_TICKS] = 1;
		write_set(set_of(&user), &set);
		assert_int_equal(arrive("10.0.0.1"), age ? SK_PASS : SK_DROP);
	}
	assert_int_equal(user_held(&user), 1); /* that of the packet */
}

static void test_observe(void **state)
{
	struct hc_user_key user;

	(void)state;
	start(SMALL EXACT "cap = 1\nexcess = observe\n");
	listen_at(NULL, 143);
	user = client_at("10.0.0.1");
	assert_int_equal(arrive("10.0.0.1"), SK_PASS);
	assert_int_equal(read_refusals(), 0);
	user_set_active(&user, 1);
	for (int i = 1; i <= 3; i++) {
		assert_int_equal(arrive("10.0.0.1"), SK_PASS);
		assert_int_equal(read_refusals(), 1);
		assert_int_equal(last.flags, HC_F_OBSERVED | HC_F_IPV4);
		assert_int_equal(last.active, 1);
		assert_int_equal(user_read(&user).refused, i);
		assert_int_equal(user_held(&user), 1);
	}
}

static struct hc_service_state total_read(void)
{
	struct hc_service_state total;
	__u32 id = IMAP_ID;

	map_get(object->maps.service_states, &id, &total, BPF_F_LOCK);
	return total;
}

static void total_set_active(__u32 active)
{
	struct hc_service_state total = total_read();
	__u32 id = IMAP_ID;

	total.slots.active = active;
	map_put(object->maps.service_states, &id, &total, BPF_F_LOCK);
}

static void test_total(void **state)
{
	char from[32];
	struct hc_user_key user;

	(void)state;
	start(SMALL EXACT "total = 2\n");
	listen_at(NULL, 143);
	total_set_active(1);
	for (int i = 0; i < 1000; i++) {
		snprintf(from, sizeof(from), "10.0.1.%d", i % 50);
		assert_int_equal(arrive(from), SK_PASS);
	}
	assert_int_equal(total_read().slots.unsure.sum, 1);
	total_set_active(2);
	user = client_at("10.0.0.1");
	assert_int_equal(arrive("10.0.0.1"), SK_DROP);
	assert_int_equal(read_refusals(), 1);
	assert_int_equal(last.flags, HC_F_TOTAL | HC_F_IPV4);
	assert_memory_equal(&last.user, &user, sizeof(user));
	assert_int_equal(total_read().slots.unsure.sum, 0);
	assert_int_equal(total_read().refused, 1);
	/* The user's own slot went back, and the refusal is the user's. */
	assert_int_equal(user_held(&user), 0);
	assert_int_equal(user_read(&user).refused, 1);
	/* Refused by the cap, nothing is taken of the total. */
	reload(SMALL EXACT "total = 3\ncap = 0\n");
	assert_int_equal(arrive("10.0.0.1"), SK_DROP);
	assert_int_equal(total_read().slots.unsure.sum, 0);
	assert_int_equal(total_read().refused, 1);
}

static void test_total_observe(void **state)
{
	struct hc_user_key user;

	(void)state;
	start(SMALL EXACT "total = 0\nexcess = observe\n");
	listen_at(NULL, 143);
	user = client_at("10.0.0.1");
	for (int i = 1; i <= 3; i++) {
		assert_int_equal(arrive("10.0.0.1"), SK_PASS);
		assert_int_equal(read_refusals(), 1);
		assert_int_equal(last.flags, HC_F_TOTAL | HC_F_OBSERVED | HC_F_IPV4);
		assert_int_equal(user_read(&user).refused, i);
		assert_int_equal(user_held(&user), 1);
		assert_int_equal(total_read().slots.unsure.sum, 1);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_unlimited, begin, end),
		cmocka_unit_test_setup_teardown(test_no_listener, begin, end),
		cmocka_unit_test_setup_teardown(test_listeners, begin, end),
		cmocka_unit_test_setup_teardown(test_not_tcp, begin, end),
		cmocka_unit_test_setup_teardown(test_refusal_record, begin, end),
		cmocka_unit_test_setup_teardown(test_strays, begin, end),
		cmocka_unit_test_setup_teardown(test_idle_cpu, begin, end),
		cmocka_unit_test_setup_teardown(test_cap, begin, end),
		cmocka_unit_test_setup_teardown(test_observe, begin, end),
		cmocka_unit_test_setup_teardown(test_total, begin, end),
		cmocka_unit_test_setup_teardown(test_total_observe, begin, end),
	};

	return RUN_GATE_TESTS(tests);
}
