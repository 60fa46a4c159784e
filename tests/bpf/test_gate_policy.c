// SPDX-License-Identifier: GPL-2.0-only
/* Which policy holds at the inbound gate: caps, overrides, reloads, service ids. */
#include "gate.h"

#define EXACT IMAP "user = client/32/128\n"

static void assert_cap(const char *from, __u32 cap)
{
	struct hc_user_key user = client_at(from);
	struct policy policy;

	assert_int_equal(arrive(from), cap ? SK_PASS : SK_DROP);
	assert_int_equal(user_read(&user).cap, cap);
	assert_int_equal(policy_read(object, &policy), 0);
	assert_int_equal(policy_cap(object, &policy, &user), cap);
}

static void test_overrides(void **state)
{
	struct hc_user_key user;

	(void)state;
	start(SMALL EXACT "override = 10.0.0.0/8 0\noverride = 10.1.0.0/16 6\n"
			  "override = 10.1.2.0/24 0\noverride = 10.1.2.3 unlimited\n"
			  "override = 2001:db8:5::/48 0\noverride = 2001:db8:5::7 7\n");
	listen_at(NULL, 143);
	assert_cap("11.0.0.1", HC_UNLIMITED);
	assert_cap("10.2.0.1", 0);
	assert_cap("10.1.0.1", 6);
	assert_cap("10.1.2.1", 0);
	assert_cap("10.1.2.3", HC_UNLIMITED);
	assert_cap("2001:db8:5:6::1", 0);
	assert_cap("2001:db8:5::7", 7);
	assert_cap("2001:db8:6::7", HC_UNLIMITED);
	/* A cap of the moment is above them all, for its one user. */
	user = client_at("10.1.2.3");
	assert_int_equal(policy_set_cap(object, &user, 0, false), 0);
	assert_cap("10.1.2.3", 0);
	assert_cap("10.1.2.1", 0);
	user = client_at("10.1.2.1");
	assert_int_equal(policy_set_cap(object, &user, 9, false), 0);
	assert_cap("10.1.2.1", 9);
	assert_cap("10.1.2.3", 0);
	assert_int_equal(policy_set_cap(object, &user, 0, true), 0);
	assert_cap("10.1.2.1", 0);
}

static void test_reload(void **state)
{
	struct hc_user_key user;
	struct policy before, after;

	(void)state;
	start(SMALL EXACT "cap = 0\noverride = 10.0.0.9 4\n");
	listen_at(NULL, 143);
	assert_cap("10.0.0.1", 0);
	assert_cap("10.0.0.9", 4);
	assert_int_equal(policy_read(object, &before), 0);
	reload(SMALL EXACT "cap = 2\noverride = 10.0.0.1 3\n");
	assert_int_equal(policy_read(object, &after), 0);
	assert_int_equal(policy_half(&after), !policy_half(&before));
	assert_int_not_equal(after.control.generation, before.control.generation);
	assert_cap("10.0.0.1", 3);
	assert_cap("10.0.0.9", 2); /* the other half's override is gone */
	user = client_at("10.0.0.1");
	assert_int_equal(policy_set_cap(object, &user, 0, false), 0);
	assert_cap("10.0.0.1", 0);
	/* Nothing else limits the service now. */
	reload(SMALL EXACT);
	assert_cap("10.0.0.1", 0);
	assert_cap("10.0.0.9", HC_UNLIMITED);
	assert_int_equal(policy_set_cap(object, &user, 0, true), 0);
	assert_cap("10.0.0.1", HC_UNLIMITED);
	reload(SMALL EXACT "cap = 0\n");
	assert_cap("10.0.0.9", 0);
	assert_int_equal(user_read(&user).refused, 3);
}

/* A CPU that stalled decides by a policy that is not the newest any more: that one's cap stays.
 */
static void test_older_policy(void **state)
{
	struct hc_user_key key = client_at("10.0.0.1");
	struct hc_user_set set;
	struct hc_user *user;

	(void)state;
	start(SMALL EXACT "cap = 2\n");
	listen_at(NULL, 143);
	assert_cap("10.0.0.1", 2);
	read_set(set_of(&key), &set);
	user = user_in(&set, &key);
	assert_non_null(user);
	user->generation += 2;
	user->cap = 0;
	write_set(set_of(&key), &set);
	assert_int_equal(arrive("10.0.0.1"), SK_DROP);
	assert_int_equal(user_read(&key).cap, 0);
}

/* Which service a port belongs to, and by what its users are known. */
static void test_services(void **state)
{
	struct hc_user_key owner = {.service = IMAP_ID, .kind = HC_BY_UID, .uid = 77};
	struct hc_user_key group = {.service = IMAP_ID, .kind = HC_BY_CGROUP, .cgroup = 4242};

	(void)state;
	start(SMALL "[service imap]\nlisten = " LOCAL4 ":143\nuser = uid\ncap = 0\n"
		    "[service any]\nlisten = 143\n");
	listen_at(NULL, 143);
	assert_int_equal(arrive("10.0.0.1"), SK_DROP);
	assert_int_equal(user_read(&owner).refused, 1);
	assert_int_equal(arrive("2001:db8::9"), SK_PASS);
	assert_int_equal(arrive_packet(packet_of("10.0.0.1", "192.0.2.2", 143), 1), SK_PASS);
	reload(SMALL IMAP "user = cgroup\ncap = 0\n");
	assert_int_equal(arrive("10.0.0.1"), SK_DROP);
	assert_int_equal(arrive("2001:db8::9"), SK_DROP);
	assert_int_equal(user_read(&group).refused, 2);
	reload(SMALL "[service imap]\nlisten = 993\ncap = 0\n");
	assert_int_equal(arrive("10.0.0.1"), SK_PASS);
	reload(SMALL "[service inbound]\ncap = 0\n");
	assert_int_equal(arrive("10.0.0.1"), SK_DROP);
	assert_int_equal(users_known(), 3);
}

/* A gate that is attached before the policy names its namespace, or after. */
static void test_namespace(void **state)
{
	struct netns_list elsewhere = {};
	struct config config;

	(void)state;
	start(SMALL EXACT "cap = 0\n");
	listen_at(NULL, 143);
	assert_int_equal(arrive("10.0.0.1"), SK_DROP);
	read_config(&config, SMALL EXACT "cap = 0\n");
	assert_int_equal(policy_apply(object, &config, &elsewhere), 0);
	assert_int_equal(arrive("10.0.0.1"), SK_PASS);
	assert_int_equal(arrive("10.0.0.2"), SK_PASS);
	assert_int_equal(users_known(), 1);
	assert_int_equal(policy_apply(object, &config, &enforced), 0);
	assert_int_equal(arrive("10.0.0.2"), SK_DROP);
	config_free(&config);
}

static void assert_moment(const struct hc_user_key *user, bool there)
{
	struct hc_cap cap;

	assert_int_equal(!bpf_map_lookup_elem(bpf_map__fd(object->maps.caps), user, &cap),
			 there);
}

static int id_of(const char *name)
{
	struct policy policy;

	assert_int_equal(policy_read(object, &policy), 0);
	return policy_find(&policy, name);
}

/* 10.0.0.1 may have so many sessions in this service, and not one more. */
static void assert_cap_in(int id, __u32 cap)
{
	struct hc_user_key user = client_at("10.0.0.1");
	struct policy policy;

	user.service = id;
	assert_int_equal(policy_read(object, &policy), 0);
	assert_int_equal(policy_cap(object, &policy, &user), cap);
	assert_int_equal(arrive("10.0.0.1"), SK_PASS);
	user_set_active(&user, cap - 1);
	assert_int_equal(arrive("10.0.0.1"), SK_PASS);
	assert_int_equal(user_read(&user).cap, cap);
	user_set_active(&user, cap);
	assert_int_equal(arrive("10.0.0.1"), SK_DROP);
	user_set_active(&user, 0);
}

/* A cap of the moment goes with its service, and so does the service's id: the
 * next one to come has neither. */
static void test_retired(void **state)
{
	static const char pop[] = SMALL "[service pop]\nlisten = 143\n"
					"user = client/32/128\ncap = 5\n";
	struct hc_user_key user = client_at("10.0.0.1"), any;
	int id;

	(void)state;
	/* With a reload that has neither between the two, and without. */
	for (int between = 0; between < 2; between++) {
		start(SMALL EXACT "cap = 9\n");
		listen_at(NULL, 143);
		any = user;
		any.service = HC_INBOUND_SERVICE;
		assert_int_equal(policy_set_cap(object, &user, 1, false), 0);
		assert_int_equal(policy_set_cap(object, &any, 2, false), 0);
		assert_cap_in(IMAP_ID, 1);
		reload(SMALL EXACT "cap = 8\n");
		assert_moment(&user, true);
		assert_cap_in(IMAP_ID, 1);
		if (between) {
			reload(SMALL);
			assert_int_equal(id_of("imap"), -1);
			assert_moment(&user, false);
			assert_cap_in(HC_INBOUND_SERVICE, 2);
		}
		reload(pop);
		id = id_of("pop");
		assert_true(id >= HC_FIRST_SERVICE);
		assert_int_not_equal(id, IMAP_ID);
		assert_moment(&user, false);
		assert_cap_in(id, 5);
		/* The first is back, and is a new one. */
		reload(SMALL EXACT "cap = 7\n");
		assert_int_not_equal(id_of("imap"), IMAP_ID);
		assert_int_not_equal(id_of("imap"), id);
		assert_cap_in(id_of("imap"), 7);
		/* A service that is always there keeps its caps of the moment. */
		assert_moment(&any, true);
		end(NULL);
	}
}

/* Services <letter>0, <letter>1, ... */
static char *many(char letter, int count)
{
	static char text[16384];
	int length = snprintf(text, sizeof(text), SMALL);

	for (int i = 0; i < count; i++)
		length += snprintf(text + length, sizeof(text) - length,
				   "[service %c%d]\nlisten = %d\n", letter, i, 1000 + i);
	assert_true(length < (int)sizeof(text));
	return text;
}

/* Counts a use of each one's id; returns the most uses that any id has now. */
static int use_ids(int uses[HC_SERVICES_MAX], char letter, int count)
{
	struct policy policy;
	char name[16];
	int most = 0, id;

	assert_int_equal(policy_read(object, &policy), 0);
	for (int i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%c%d", letter, i);
		id = policy_find(&policy, name);
		assert_in_range(id, HC_FIRST_SERVICE, HC_SERVICES_MAX - 1);
		if (++uses[id] > most)
			most = uses[id];
	}
	return most;
}

static void test_ids_in_turn(void **state)
{
	const int all = HC_SERVICES_MAX - HC_FIRST_SERVICE;
	int uses[HC_SERVICES_MAX] = {}, unused = 0;
	struct config config;

	(void)state;
	start(many('a', 100));
	assert_int_equal(use_ids(uses, 'a', 100), 1);
	reload(many('a', 99));
	reload(SMALL);
	reload(many('b', 100));
	assert_int_equal(use_ids(uses, 'b', 100), 1);
	reload(many('c', all - 200));
	assert_int_equal(use_ids(uses, 'c', all - 200), 1);
	/* All have been used: from the start again, but for those in force. */
	reload(many('d', 200));
	assert_int_equal(use_ids(uses, 'd', 200), 2);
	for (int id = HC_FIRST_SERVICE; id < HC_SERVICES_MAX; id++)
		unused += uses[id] == 1;
	assert_int_equal(unused, all - 200);
	assert_int_equal(uses[HC_OUTBOUND_SERVICE] + uses[HC_INBOUND_SERVICE], 0);
	/* More than there are ids, with those in force: nothing changes. */
	read_config(&config, many('e', 55));
	assert_int_not_equal(policy_apply(object, &config, &enforced), 0);
	config_free(&config);
	assert_int_equal(id_of("e0"), -1);
	assert_int_equal(use_ids(uses, 'd', 200), 3);
	reload(many('e', 54));
	assert_int_equal(use_ids(uses, 'e', 54), 2);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_overrides, begin, end),
		cmocka_unit_test_setup_teardown(test_reload, begin, end),
		cmocka_unit_test_setup_teardown(test_older_policy, begin, end),
		cmocka_unit_test_setup_teardown(test_services, begin, end),
		cmocka_unit_test_setup_teardown(test_namespace, begin, end),
		cmocka_unit_test_setup_teardown(test_retired, begin, end),
		cmocka_unit_test_setup_teardown(test_ids_in_turn, begin, end),
	};

	return RUN_GATE_TESTS(tests);
}
