// SPDX-License-Identifier: GPL-2.0-only
/* The user table under the inbound gate: who finds room, who is forgotten. */
#include "gate.h"

#define EXACT   IMAP "user = client/32/128\n"
#define CLIENTS (2 * HC_WAYS)

/* Clients that all live in one set of the table. */
static char client[CLIENTS][20];
static struct hc_user_key user[CLIENTS];
static __u32 one_set;

static void start_crowd(const char *text)
{
	struct hc_user_key key;
	char address[20];
	int found = 0;

	start(text);
	listen_at(NULL, 143);
	one_set = 5;
	for (int i = 0; found < CLIENTS; i++) {
		snprintf(address, sizeof(address), "10.0.%d.%d", i / 256, i % 256);
		key = client_at(address);
		if (set_of(&key) != one_set)
			continue;
		memcpy(client[found], address, sizeof(address));
		user[found++] = key;
	}
}

static bool is_known(int i)
{
	struct hc_user_set set;

	read_set(one_set, &set);
	return user_in(&set, &user[i]);
}

static void arrive_first(int count)
{
	for (int i = 0; i < count; i++)
		assert_int_equal(arrive(client[i]), SK_PASS);
}

static void test_ways(void **state)
{
	(void)state;
	start_crowd(SMALL EXACT "cap = 5\n");
	arrive_first(HC_WAYS);
	for (int i = 0; i < HC_WAYS; i++)
		assert_true(is_known(i));
	assert_int_equal(users_known(), HC_WAYS);
}

/* A full set: those without a session make room, the one longest ago first. */
static void test_reclaim(void **state)
{
	(void)state;
	start_crowd(SMALL EXACT "cap = 5\n");
	for (int i = 0; i < HC_WAYS; i++) {
		assert_int_equal(arrive(client[i]), SK_PASS);
		if (i < 3)
			usleep(20000);
	}
	/* The first one comes again, so the second is the one longest ago. */
	assert_int_equal(arrive(client[0]), SK_PASS);
	assert_int_equal(arrive(client[HC_WAYS]), SK_PASS);
	assert_true(is_known(0));
	assert_false(is_known(1));
	assert_true(is_known(2));
	assert_true(is_known(HC_WAYS));
	assert_int_equal(arrive(client[HC_WAYS + 1]), SK_PASS);
	assert_false(is_known(2));
	assert_int_equal(users_known(), HC_WAYS);
	assert_int_equal(lost(HC_LOSS_USERS_FULL), 0);
}

/* One way among users with sessions: all newcomers share it. */
static void test_active_stay(void **state)
{
	(void)state;
	start_crowd(SMALL EXACT "cap = 5\n");
	arrive_first(HC_WAYS);
	for (int i = 1; i < HC_WAYS; i++)
		user_set_active(&user[i], i % 4 + 1);
	for (int round = 0; round < 20; round++)
		for (int i = HC_WAYS; i < CLIENTS; i++) {
			assert_int_equal(arrive(client[i]), SK_PASS);
			assert_true(is_known(i));
		}
	assert_false(is_known(0));
	for (int i = 1; i < HC_WAYS; i++)
		assert_int_equal(user_active(&user[i]), i % 4 + 1);
	assert_int_equal(lost(HC_LOSS_USERS_FULL), 0);
	assert_int_equal(users_known(), HC_WAYS);
}

static void test_all_active(void **state)
{
	struct hc_user_set before, after;

	(void)state;
	start_crowd(SMALL EXACT "cap = 5\n");
	arrive_first(HC_WAYS);
	for (int i = 0; i < HC_WAYS; i++)
		user_set_active(&user[i], 1);
	/* A last packet of no interest, so that nothing waits to be given back. */
	arrive_packet(packet_of(client[0], LOCAL4, 80), 1);
	reload(SMALL EXACT "cap = 0\n");
	read_set(one_set, &before);
	for (int i = HC_WAYS; i < CLIENTS; i++)
		assert_int_equal(arrive(client[i]), SK_PASS);
	assert_int_equal(lost(HC_LOSS_USERS_FULL), CLIENTS - HC_WAYS);
	read_set(one_set, &after);
	assert_memory_equal(before.tag, after.tag, sizeof(before.tag));
	assert_memory_equal(before.way, after.way, sizeof(before.way));
	assert_int_equal(read_refusals(), 0);
	/* Those inside of the table are capped as ever. */
	assert_int_equal(arrive(client[0]), SK_DROP);
	/* Room again, and the newcomer is one of them. */
	user_set_active(&user[3], 0);
	assert_int_equal(arrive(client[HC_WAYS]), SK_DROP);
	assert_false(is_known(3));
	assert_int_equal(lost(HC_LOSS_USERS_FULL), CLIENTS - HC_WAYS);
}

/* As if the user had had a session, the last at this time. */
static void had_session(int i, __u64 last_ns)
{
	struct hc_user_set set;
	struct hc_user *way;

	read_set(one_set, &set);
	way = user_in(&set, &user[i]);
	assert_non_null(way);
	way->opened = 1;
	if (last_ns)
		way->last_ns = last_ns;
	write_set(one_set, &set);
}

/* First those long gone, then those that never had a session, then the others:
 * a flood of forged sources does not forget who was here. */
static void test_order_of_reclaim(void **state)
{
	(void)state;
	if (clock_monotonic_ns() <= HC_KEEP_SECONDS * NS_PER_SECOND)
		skip(); /* nobody can be long gone on a machine just started */
	start_crowd(SMALL EXACT "cap = 5\n");
	arrive_first(HC_WAYS);
	arrive_packet(packet_of(client[0], LOCAL4, 80), 1);
	for (int i = 0; i < 4; i++)
		had_session(i, 0);
	had_session(20, 1);
	assert_int_equal(arrive(client[HC_WAYS]), SK_PASS);
	assert_false(is_known(20));
	/* A flood: more than the set holds, over and over. */
	for (int round = 0; round < 20; round++)
		for (int i = HC_WAYS; i < CLIENTS; i++)
			assert_int_equal(arrive(client[i]), SK_PASS);
	for (int i = 0; i < 4; i++) {
		assert_true(is_known(i));
		assert_int_equal(user_read(&user[i]).opened, 1);
	}
	assert_int_equal(lost(HC_LOSS_USERS_FULL), 0);
}

/* The slot in hand belongs to a user that is no longer there: the next user of
 * the way, and the same user anew, keep theirs. */
static void test_arrival_outlives_user(void **state)
{
	struct hc_user_set set;

	(void)state;
	start_crowd(SMALL EXACT "cap = 5\ntotal = 1\n");
	for (int again = 0; again < 2; again++) {
		assert_int_equal(arrive(client[0]), SK_PASS);
		read_set(one_set, &set);
		memset(set.tag, 0, sizeof(set.tag));
		memset(set.way, 0, sizeof(set.way));
		write_set(one_set, &set);
		/* The total's slot comes back even so, or this were refused. */
		assert_int_equal(arrive(client[again]), SK_PASS);
		assert_int_equal(user_held(&user[again]), 1);
		assert_int_equal(user_active(&user[again]), 0);
		assert_int_equal(arrive_packet(packet_of(client[0], LOCAL4, 80), 1), SK_PASS);
		assert_int_equal(user_held(&user[again]), 0);
	}
}

/* Where session_make() of bpf/sessions.h puts the first session of an empty table. */
static __u32 session_set(__u64 id)
{
	return session_set_of(id, 0, bpf_map__max_entries(object->maps.sessions));
}

static void put_session(__u64 id, __u32 netns, const struct hc_user_key *key)
{
	struct hc_session_set sessions = {.id = {id}};
	struct hc_session *session = &sessions.way[0];
	__u32 index = session_set(id), home = set_of(key);
	struct hc_user_set users;

	read_set(home, &users);
	session->charge = charge_pack(home * HC_WAYS + (user_in(&users, key) - users.way) + 1,
				      key->service, id);
	session->position = index * HC_SESSION_WAYS + 1;
	session->opened_ns = 1;
	session->uid = 77;
	session->ends.local_port = 143;
	session->ends.remote_port = 40000;
	session->ends.netns = netns;
	session->user = *key;
	session->flags = HC_S_ANNOUNCED | HC_F_IPV4;
	session->direction = HC_INBOUND;
	address_of(session->ends.local, LOCAL4);
	memcpy(session->ends.remote, key->id, sizeof(session->ends.remote));
	map_put(object->maps.sessions, &index, &sessions, BPF_ANY);
}

static struct hc_session get_session(__u64 id)
{
	struct hc_session_set sessions;
	__u32 index = session_set(id);

	map_get(object->maps.sessions, &index, &sessions, 0);
	assert_int_equal(sessions.id[0], id);
	return sessions.way[0];
}

/* Sessions of namespaces that are not enforced count apart, and limit nobody. */
static void test_elsewhere(void **state)
{
	const char *text = SMALL "[service inbound]\nuser = client/32/128\ncap = 1\n";
	struct hc_user_key here, away;
	struct netns_list one;
	struct hc_session session;
	struct policy policy;
	struct netns two[2];

	(void)state;
	start_with(LOAD_WALK_SESSIONS, text);
	listen_at(NULL, 143);
	here = client_at("10.0.0.1");
	here.service = HC_INBOUND_SERVICE;
	away = here;
	away.elsewhere = 1;
	assert_int_equal(arrive("10.0.0.1"), SK_PASS);
	user_set_active(&here, 1);
	assert_int_equal(arrive("10.0.0.1"), SK_DROP);
	/* Its one session turns out to be of another namespace. */
	put_session(1234, enforced.items[0].inode + 1, &here);
	assert_int_equal(walk_sessions(object), 0);
	session = get_session(1234);
	assert_memory_equal(&session.user, &away, sizeof(away));
	assert_int_equal(user_active(&here), 0);
	assert_int_equal(user_active(&away), 1);
	assert_int_equal(user_read(&away).cap, HC_UNLIMITED);
	user_set_active(&away, 100);
	assert_int_equal(arrive("10.0.0.1"), SK_PASS);
	assert_int_equal(user_held(&here), 1);
	assert_int_equal(user_held(&away), 0);
	/* Not even by a cap of the moment. */
	assert_int_equal(policy_set_cap(object, &away, 0, false), 0);
	assert_int_equal(policy_read(object, &policy), 0);
	assert_int_equal(policy_cap(object, &policy, &away), HC_UNLIMITED);
	assert_int_equal(policy_cap(object, &policy, &here), 1);
	assert_int_equal(arrive("10.0.0.1"), SK_PASS);
	/* Its namespace is enforced, too, from now on: the session comes back. */
	user_set_active(&away, 1);
	two[0] = two[1] = enforced.items[0];
	two[1].inode++;
	one = enforced;
	enforced = (struct netns_list){two, 2};
	reload(text);
	enforced = one;
	assert_int_equal(walk_sessions(object), 0);
	assert_int_equal(user_active(&here), 1);
	assert_int_equal(user_active(&away), 0);
	assert_int_equal(arrive("10.0.0.1"), SK_DROP);
}

/* Its last session ended by a clock that is ahead of the gate's. */
static void test_just_gone(void **state)
{
	(void)state;
	start_crowd(SMALL EXACT "cap = 5\n");
	arrive_first(HC_WAYS);
	arrive_packet(packet_of(client[0], LOCAL4, 80), 1);
	had_session(7, clock_monotonic_ns() + 2 * NS_PER_MS);
	assert_int_equal(arrive(client[HC_WAYS]), SK_PASS);
	assert_true(is_known(7));
}

/* Refusals that were not told yet when their user made room are counted as lost. */
static void test_suppressed(void **state)
{
	(void)state;
	start_crowd(SMALL EXACT "cap = 0\n");
	for (int i = 0; i < CLIENTS; i++)
		for (int j = 0; j < 10; j++)
			assert_int_equal(arrive(client[i]), SK_DROP);
	walk_users(object, true);
	read_refusals();
	assert_true(lost(HC_LOSS_REFUSALS_FORGOTTEN) > 0);
	assert_int_equal(reported + suppressed + lost(HC_LOSS_REFUSALS_FORGOTTEN),
			 10 * CLIENTS);
}

/* A user whose handshakes fill its cap stays, however many strangers come. */
static void test_handshakes_stay(void **state)
{
	struct hc_user_set set;
	struct hc_user *found;

	(void)state;
	start_crowd(SMALL EXACT "cap = 5\n");
	assert_int_equal(arrive(client[0]), SK_PASS);
	arrive_packet(packet_of(client[0], LOCAL4, 80), 1);
	read_set(one_set, &set);
	found = user_in(&set, &user[0]);
	found->word = found->held[found->tick % HC_TICKS] = 5;
	write_set(one_set, &set);
	assert_int_equal(arrive(client[0]), SK_DROP);
	for (int i = 1; i <= HC_WAYS; i++)
		assert_int_equal(arrive(client[i]), SK_PASS);
	assert_int_equal(arrive(client[0]), SK_DROP);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_ways, begin, end),
		cmocka_unit_test_setup_teardown(test_reclaim, begin, end),
		cmocka_unit_test_setup_teardown(test_active_stay, begin, end),
		cmocka_unit_test_setup_teardown(test_all_active, begin, end),
		cmocka_unit_test_setup_teardown(test_order_of_reclaim, begin, end),
		cmocka_unit_test_setup_teardown(test_arrival_outlives_user, begin, end),
		cmocka_unit_test_setup_teardown(test_elsewhere, begin, end),
		cmocka_unit_test_setup_teardown(test_just_gone, begin, end),
		cmocka_unit_test_setup_teardown(test_suppressed, begin, end),
		cmocka_unit_test_setup_teardown(test_handshakes_stay, begin, end),
	};

	return RUN_GATE_TESTS(tests);
}
