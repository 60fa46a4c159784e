// SPDX-License-Identifier: GPL-2.0-only
/* Reports of refusals: few for each user, the rest as a number, and none lost. */
#include "gate.h"

#define CLOSED SMALL IMAP "user = client/32/128\ncap = 0\n"

static __u64 accounted(void)
{
	read_refusals();
	return reported + suppressed;
}

/* Waits for a window of the rate limit with most of it to come. */
static void await_window(void)
{
	const __u64 window = 1ull << HC_WINDOW_SHIFT;
	__u64 passed;

	do {
		usleep(1000);
		passed = clock_monotonic_ns() % window;
	} while (passed > window / 4);
}

/* As if the user's window were over. */
static void pass_window(const struct hc_user_key *key)
{
	struct hc_user_set set;
	struct hc_user *user;

	read_set(set_of(key), &set);
	user = user_in(&set, key);
	assert_non_null(user);
	user->refusals.window--;
	write_set(set_of(key), &set);
}

static void refuse(const char *from, int times)
{
	for (int i = 0; i < times; i++)
		assert_int_equal(arrive(from), SK_DROP);
}

static void test_rate(void **state)
{
	struct hc_user_key user, other;

	(void)state;
	start(CLOSED);
	listen_at(NULL, 143);
	user = client_at("10.0.0.1");
	other = client_at("10.0.0.2");
	await_window();
	refuse("10.0.0.1", HC_REFUSALS_PER_WINDOW);
	assert_int_equal(accounted(), HC_REFUSALS_PER_WINDOW);
	refuse("10.0.0.1", 100);
	assert_int_equal(accounted(), HC_REFUSALS_PER_WINDOW);
	assert_int_equal(user_read(&user).refusals.suppressed, 100);
	/* One user's silence is not another's. */
	refuse("10.0.0.2", 1);
	assert_int_equal(read_refusals(), 1);
	assert_memory_equal(&last.user, &other, sizeof(other));
	/* The next window's first report tells of those that went without. */
	pass_window(&user);
	refuse("10.0.0.1", HC_REFUSALS_PER_WINDOW + 10);
	assert_int_equal(read_refusals(), HC_REFUSALS_PER_WINDOW);
	assert_int_equal(suppressed, 100);
	assert_int_equal(user_read(&user).refused, 2 * HC_REFUSALS_PER_WINDOW + 110);
	assert_int_equal(accounted() + 10,
			 user_read(&user).refused + user_read(&other).refused);
}

/* Who is not refused again is told of by the walk. */
static void test_flush(void **state)
{
	struct hc_user_key user;

	(void)state;
	start(CLOSED);
	listen_at(NULL, 143);
	user = client_at("10.0.0.1");
	await_window();
	refuse("10.0.0.1", 100);
	refuse("10.0.0.2", 7);
	refuse("10.0.0.3", 2);
	assert_int_equal(read_refusals(), 2 * HC_REFUSALS_PER_WINDOW + 2);
	assert_int_equal(suppressed, 0);
	assert_int_equal(walk_users(object, true), 0);
	assert_int_equal(read_refusals(), 2);
	assert_int_equal(accounted(), 109);
	assert_int_equal(last.direction, HC_INBOUND);
	assert_int_equal(last.user.service, IMAP_ID);
	assert_int_equal(last.cap, 0);
	assert_int_equal(last.flags, HC_F_IPV4);
	assert_memory_equal(last.ends.remote, last.user.id, sizeof(last.user.id));
	assert_int_equal(user_read(&user).refusals.suppressed, 0);
	assert_int_equal(user_read(&user).refused, 100);
	assert_int_equal(walk_users(object, true), 0);
	assert_int_equal(read_refusals(), 0);
	/* What was flushed is not told again. */
	pass_window(&user);
	refuse("10.0.0.1", 1);
	assert_int_equal(accounted(), 110);
}

/* What was held back tells of the moment of the last refusal, not of when it is told; but of
 * the cap that holds now. */
static void test_moment(void **state)
{
	struct hc_user_key user;

	(void)state;
	start(SMALL IMAP "user = client/32/128\ncap = 3\n");
	listen_at(NULL, 143);
	user = client_at("10.0.0.1");
	assert_int_equal(arrive("10.0.0.1"), SK_PASS);
	user_set_active(&user, 4);
	await_window();
	refuse("10.0.0.1", HC_REFUSALS_PER_WINDOW + 2);
	assert_int_equal(read_refusals(), HC_REFUSALS_PER_WINDOW);
	user_set_active(&user, 3);
	refuse("10.0.0.1", 1);
	user_set_active(&user, 1);
	reload(SMALL IMAP "user = client/32/128\ncap = 9\n");
	assert_int_equal(arrive("10.0.0.1"), SK_PASS);
	assert_int_equal(user_read(&user).cap, 9);
	assert_int_equal(walk_users(object, true), 0);
	assert_int_equal(read_refusals(), 1);
	assert_int_equal(last.active, 3);
	assert_int_equal(last.cap, 9);
	assert_int_equal(last.suppressed, 2);
}

/* Without flush the walk leaves alone who was told of in this window. */
static void test_walk(void **state)
{
	struct hc_user_key user;

	(void)state;
	start(CLOSED);
	listen_at(NULL, 143);
	user = client_at("2001:db8::9");
	await_window();
	refuse("2001:db8::9", 50);
	assert_int_equal(walk_users(object, false), 0);
	assert_int_equal(read_refusals(), HC_REFUSALS_PER_WINDOW);
	pass_window(&user);
	assert_int_equal(walk_users(object, false), 0);
	assert_int_equal(read_refusals(), 1);
	assert_int_equal(accounted(), 50);
	assert_int_equal(last.flags, 0);
}

static void test_observed(void **state)
{
	struct hc_user_key user;

	(void)state;
	start(CLOSED "excess = observe\n");
	listen_at(NULL, 143);
	user = client_at("10.0.0.1");
	await_window();
	for (int i = 0; i < 100; i++)
		assert_int_equal(arrive("10.0.0.1"), SK_PASS);
	assert_int_equal(read_refusals(), HC_REFUSALS_PER_WINDOW);
	assert_int_equal(walk_users(object, true), 0);
	assert_int_equal(accounted(), 100);
	assert_int_equal(user_read(&user).refused, 100);
}

/* Refused by the total: the same limit, the same sum. */
static void test_total(void **state)
{
	(void)state;
	start(SMALL IMAP "total = 0\n");
	listen_at(NULL, 143);
	await_window();
	refuse("10.0.0.1", 60);
	refuse("10.0.0.2", 3);
	assert_int_equal(read_refusals(), HC_REFUSALS_PER_WINDOW + 3);
	assert_int_equal(walk_users(object, true), 0);
	assert_int_equal(accounted(), 63);
}

/* The ring is full: what did not fit is counted, and told of later. */
static void test_ring_full(void **state)
{
	const int clients = 5000;
	__u64 fit;
	char from[32];

	(void)state;
	start("[headcount]\nusers_max = 65536\n" IMAP "cap = 0\n");
	listen_at(NULL, 143);
	for (int i = 0; i < clients; i++) {
		snprintf(from, sizeof(from), "10.0.%d.%d", i / 256, i % 256);
		refuse(from, 1);
	}
	assert_int_equal(users_known(), clients);
	fit = accounted();
	assert_in_range(fit, 1000, clients - 1000);
	assert_int_equal(lost(HC_LOSS_REFUSALS_FULL), clients - fit);
	assert_int_equal(walk_users(object, true), 0);
	assert_int_equal(accounted(), clients);
	assert_int_equal(reported, clients);
	assert_int_equal(lost(HC_LOSS_REFUSALS_FULL), clients - fit);
	/* Nothing is told twice. */
	assert_int_equal(walk_users(object, true), 0);
	assert_int_equal(read_refusals(), 0);
}

/* The walk itself finds the ring full: it goes on when there is room. */
static void test_walk_ring_full(void **state)
{
	const int clients = 4000;
	char from[32];

	(void)state;
	start("[headcount]\nusers_max = 65536\n" IMAP "cap = 0\n");
	listen_at(NULL, 143);
	for (int i = 0; i < clients; i++) {
		snprintf(from, sizeof(from), "10.0.%d.%d", i / 256, i % 256);
		refuse(from, HC_REFUSALS_PER_WINDOW + 3);
		if (i % 500 == 0)
			read_refusals();
	}
	read_refusals();
	assert_int_equal(walk_users(object, true), 0);
	assert_true(lost(HC_LOSS_REFUSALS_FULL) > 0);
	read_refusals();
	assert_int_equal(walk_users(object, true), 0);
	assert_int_equal(accounted(), clients * (HC_REFUSALS_PER_WINDOW + 3));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_rate, begin, end),
		cmocka_unit_test_setup_teardown(test_flush, begin, end),
		cmocka_unit_test_setup_teardown(test_moment, begin, end),
		cmocka_unit_test_setup_teardown(test_walk, begin, end),
		cmocka_unit_test_setup_teardown(test_observed, begin, end),
		cmocka_unit_test_setup_teardown(test_total, begin, end),
		cmocka_unit_test_setup_teardown(test_ring_full, begin, end),
		cmocka_unit_test_setup_teardown(test_walk_ring_full, begin, end),
	};

	return RUN_GATE_TESTS(tests);
}
