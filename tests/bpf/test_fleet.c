// SPDX-License-Identifier: GPL-2.0-only
/* The gate and users of a cap that many hosts share: units, the lease, who asks, who is
 * refused. What the daemon does is done here. */
#include "fleet_gate.h"

#define ALICE "10.0.0.1"
#define EIGHT SMALL IMAP "user = client/32/128\ncap = 8\n"

static struct hc_user_key alice;

enum fate { ENTERS, VANISHES, REJECTED };

/* The most slots that user space takes the user to have. */
static __u32 limit(void)
{
	struct hc_user user = user_read(&alice);
	struct policy policy;

	assert_int_equal(policy_read(object, &policy), 0);
	return fleet_words_limit(object, &policy.services[IMAP_ID], &user);
}

/* A SYN, beside so many sessions of the user. */
static enum fate attempt(__u32 sessions)
{
	enum sk_action verdict;
	__u64 cookie;

	if (user_read(&alice).word)
		user_set_active(&alice, sessions);
	cookie = sent_to(ALICE, &verdict);
	return cookie ? VANISHES : verdict == SK_PASS ? ENTERS : REJECTED;
}

/* The service `text`, with three units for a user who has three sessions. */
static void share_three(const char *text, enum hc_cold cold)
{
	alice = client_at(ALICE);
	start(text);
	open_words();
	share(cold, HC_ALONE_REFUSE, 0);
	lease(0, true);
	assert_int_equal(set_units(&alice, 3), 0);
}

/* A record is made for units, and not for none. */
static void test_words(void **state)
{
	(void)state;
	alice = client_at(ALICE);
	start(EIGHT);
	open_words();
	assert_int_equal(set_units(&alice, 0), 0);
	assert_int_equal(sessions_of(&alice), 0);
	assert_int_equal(users_known(), 0);
	assert_int_equal(set_units(&alice, 5), 0);
	assert_int_equal(user_read(&alice).units, 5);
	assert_int_equal(user_read(&alice).shard, 1);
	assert_int_equal(attempt(0), ENTERS);
	assert_int_equal(sessions_of(&alice), 1);
	user_set_active(&alice, 4);
	assert_int_equal(set_units(&alice, 3), 5);
	assert_int_equal(sessions_of(&alice), 5);
	assert_int_equal(user_read(&alice).units, 3);
	/* Not of the fleet: what is written there bounds nobody. */
	assert_int_equal(attempt(7), ENTERS);
	assert_int_equal(attempt(8), REJECTED);
	assert_int_equal(read_asks(), 0);
}

/* As many as there are units. Then it is asked, in silence; at the cap nothing is asked. */
static void test_units(void **state)
{
	(void)state;
	share_three(EIGHT, HC_COLD_WAIT);
	assert_int_equal(attempt(0), ENTERS);
	assert_int_equal(attempt(2), ENTERS);
	assert_int_equal(read_asks(), 0);
	assert_int_equal(attempt(3), VANISHES);
	assert_int_equal(read_asks(), 1);
	assert_memory_equal(&asked.user, &alice, sizeof(alice));
	assert_int_equal(asked.cap, 8);
	assert_int_equal(asked.need, 4);
	assert_int_equal(asked.again, 0);
	assert_int_equal(asked.id, 0);
	assert_int_equal(asked.label.word[0], 0);
	assert_int_equal(asked.ends.remote_port, 40000);
	assert_int_equal(attempt(3), VANISHES);
	assert_int_equal(read_asks(), 1);
	assert_int_equal(asked.again, 1);
	assert_int_equal(set_units(&alice, 4), 3);
	assert_int_equal(attempt(3), ENTERS);
	assert_int_equal(read_refusals(), 0);
	assert_int_equal(refused(HC_WAIT) + refused(HC_REJECT), 0);
	assert_int_equal(user_read(&alice).refused, 0);
	assert_int_equal(limit(), 4);
	set_units(&alice, 20);
	assert_int_equal(limit(), 8);
	assert_int_equal(attempt(7), ENTERS);
	assert_int_equal(attempt(8), REJECTED);
	assert_int_equal(read_asks(), 0);
	assert_int_equal(refused(HC_REJECT), 1);
	assert_int_equal(lost(HC_LOSS_ASKS_FULL), 0);
}

/* A user that nobody has told of units asks, whosever lease is live. */
static void test_first(void **state)
{
	(void)state;
	alice = client_at(ALICE);
	start(EIGHT);
	open_words();
	share(HC_COLD_WAIT, HC_ALONE_REFUSE, 0);
	lease(9, true);
	assert_int_equal(attempt(0), VANISHES);
	assert_int_equal(read_asks(), 1);
	assert_int_equal(asked.need, 1);
	assert_int_equal(limit(), 0);
	lease(9, false);
	assert_int_equal(attempt(0), REJECTED);
	assert_int_equal(read_asks(), 0);
	/* Its units are of shard 0, which is away. */
	lease(9, true);
	set_units(&alice, 3);
	assert_int_equal(attempt(0), REJECTED);
	lease(0, true);
	assert_int_equal(attempt(0), ENTERS);
}

/* The store has none: refused, and counted, as what is over the cap. */
static void test_short(void **state)
{
	(void)state;
	share_three(EIGHT, HC_COLD_WAIT);
	assert_int_equal(attempt(3), VANISHES);
	set_short(&alice, true);
	assert_int_equal(attempt(3), REJECTED);
	assert_int_equal(read_refusals(), 1);
	assert_int_equal(last.cap, 8);
	assert_int_equal(last.active, 3);
	assert_int_equal(refused(HC_REJECT), 1);
	assert_int_equal(user_read(&alice).refused, 1);
	assert_int_equal(attempt(2), ENTERS);
	assert_int_equal(read_asks(), 1);
	set_short(&alice, false);
	assert_int_equal(attempt(3), VANISHES);
	fleet_words_set_short(words, &alice, clock_monotonic_ns());
	assert_int_equal(attempt(3), VANISHES);
	assert_int_equal(refused(HC_REJECT), 1);
}

/* It waits for the store, and then as one that is refused: told once, as that. */
static void test_short_waits(void **state)
{
	(void)state;
	share_three(EIGHT "excess = wait\n", HC_COLD_WAIT);
	assert_int_equal(attempt(3), VANISHES);
	assert_int_equal(read_refusals(), 0);
	set_short(&alice, true);
	assert_int_equal(attempt(3), VANISHES);
	assert_int_equal(attempt(3), VANISHES);
	assert_int_equal(read_refusals(), 1);
	assert_int_equal(last.excess, HC_WAIT);
	assert_int_equal(refused(HC_WAIT), 1);
	assert_int_equal(read_asks(), 1);
}

/* The store does not answer, or the daemon is not there. */
static void test_no_answer(void **state)
{
	enum sk_action verdict;

	(void)state;
	share_three(EIGHT, HC_COLD_WAIT);
	assert_int_equal(attempt(3), VANISHES);
	wait_for(29, 1);
	assert_int_equal(attempt(3), VANISHES);
	assert_int_equal(read_refusals(), 0);
	wait_for(2, 1);
	assert_int_equal(attempt(3), REJECTED);
	assert_int_equal(read_refusals(), 1);
	assert_int_equal(last.excess, HC_REJECT);
	assert_int_equal(attempt(3), VANISHES);
	close_silent();
	silent = dup(STDERR_FILENO);
	assert_int_equal(sent_to(ALICE, &verdict), 0);
	assert_int_equal(verdict, SK_DROP);
	assert_int_equal(lost(HC_LOSS_NOT_HELD), 1);
	assert_int_equal(refused(HC_REJECT), 2);
}

/* The deadline passes with nobody there to renew it. */
static void test_deadline(void **state)
{
	(void)state;
	share_three(EIGHT, HC_COLD_WAIT);
	assert_int_equal(attempt(2), ENTERS);
	fleet_words_set_deadline(words, 0, clock_ns(CLOCK_BOOTTIME) + 100 * NS_PER_MS);
	assert_int_equal(attempt(2), ENTERS);
	while (attempt(2) == ENTERS)
		usleep(1000);
	assert_int_equal(attempt(0), REJECTED);
	assert_int_equal(read_asks(), 0);
	assert_int_equal(user_read(&alice).units, 3);
}

/* What a user may have here without a lease: `most` of the cap of eight. */
static void alone(enum hc_alone alone, __u32 cap_alone, __u32 members, __u32 most)
{
	share(HC_COLD_WAIT, alone, cap_alone);
	fleet_words_set_members(words, members);
	if (most)
		assert_int_equal(attempt(most - 1), ENTERS);
	assert_int_equal(attempt(most), REJECTED);
	assert_int_equal(limit(), most);
}

static void test_alone(void **state)
{
	(void)state;
	share_three(EIGHT, HC_COLD_WAIT);
	lease(0, false);
	alone(HC_ALONE_REFUSE, 5, 3, 0);
	alone(HC_ALONE_ADMIT, 5, 3, 8);
	alone(HC_ALONE_LOCAL, 5, 3, 5);
	alone(HC_ALONE_LOCAL, 9, 3, 8);
	alone(HC_ALONE_LOCAL, 0, 3, 2);
	alone(HC_ALONE_LOCAL, 0, 8, 1);
	alone(HC_ALONE_LOCAL, 0, 1000, 1);
	alone(HC_ALONE_LOCAL, 0, 1, 8);
	alone(HC_ALONE_LOCAL, 0, 0, 8);
	assert_int_equal(read_asks(), 0);
	/* The store is back. */
	lease(0, true);
	assert_int_equal(attempt(2), ENTERS);
	assert_int_equal(attempt(3), VANISHES);
}

/* Of a cap of none there is nothing to be had, nor to ask for. */
static void test_closed(void **state)
{
	(void)state;
	share_three(SMALL IMAP "user = client/32/128\ncap = 0\n", HC_COLD_WAIT);
	assert_int_equal(attempt(0), REJECTED);
	lease(0, false);
	alone(HC_ALONE_LOCAL, 5, 3, 0);
	alone(HC_ALONE_ADMIT, 5, 3, 0);
	assert_int_equal(read_asks(), 0);
}

/* It is let in while the store is asked, up to the cap. */
static void test_admit(void **state)
{
	(void)state;
	share_three(EIGHT, HC_COLD_ADMIT);
	assert_int_equal(attempt(2), ENTERS);
	assert_int_equal(read_asks(), 0);
	assert_int_equal(attempt(3), ENTERS);
	assert_int_equal(sessions_of(&alice), 4);
	assert_int_equal(read_asks(), 1);
	assert_int_equal(asked.need, 4);
	assert_int_equal(attempt(7), ENTERS);
	assert_int_equal(read_asks(), 1);
	assert_int_equal(asked.need, 8);
	assert_int_equal(attempt(8), REJECTED);
	assert_int_equal(read_asks(), 0);
	set_short(&alice, true);
	assert_int_equal(attempt(3), REJECTED);
	assert_int_equal(attempt(2), ENTERS);
	assert_int_equal(refused(HC_REJECT), 2);
	lease(0, false);
	assert_int_equal(attempt(0), REJECTED);
}

/* All are let in; whom the store has no unit for would have been refused. */
static void test_observe(void **state)
{
	(void)state;
	share_three(EIGHT "excess = observe\n", HC_COLD_WAIT);
	assert_int_equal(attempt(3), ENTERS);
	assert_int_equal(read_asks(), 1);
	assert_int_equal(read_refusals(), 0);
	set_short(&alice, true);
	assert_int_equal(attempt(3), ENTERS);
	assert_int_equal(read_asks(), 0);
	assert_int_equal(read_refusals(), 1);
	assert_int_equal(refused(HC_OBSERVE), 1);
	assert_int_equal(attempt(8), ENTERS);
	assert_int_equal(refused(HC_OBSERVE), 2);
}

/* A reload that takes the service out of the fleet. */
static void test_reload(void **state)
{
	(void)state;
	share_three(EIGHT, HC_COLD_WAIT);
	assert_int_equal(attempt(3), VANISHES);
	reload(EIGHT);
	assert_int_equal(attempt(7), ENTERS);
	assert_int_equal(attempt(8), REJECTED);
	share(HC_COLD_WAIT, HC_ALONE_REFUSE, 0);
	assert_int_equal(attempt(2), ENTERS);
	assert_int_equal(attempt(3), VANISHES);
}

/* The first address from 10.1.0.`*next` on whose user is in the same set as alice. */
static const char *neighbour(int *next)
{
	static char from[32];
	struct hc_user_key key;

	do {
		snprintf(from, sizeof(from), "10.1.%d.%d", *next / 256, *next % 256);
		++*next;
		key = client_at(from);
	} while (set_of(&key) != set_of(&alice));
	return from;
}

/* A record with units makes room last; then the user has none, and asks again. */
static void test_reclaimed(void **state)
{
	struct hc_user_key key;
	int next = 0;

	(void)state;
	share_three(EIGHT, HC_COLD_ADMIT);
	for (int i = 0; i < 3 * HC_WAYS; i++)
		assert_int_equal(arrive(neighbour(&next)), SK_PASS);
	assert_int_equal(user_read(&alice).units, 3);
	for (int i = 0; i < HC_WAYS; i++) {
		key = client_at(neighbour(&next));
		set_units(&key, 1);
	}
	assert_int_equal(user_read(&alice).units, 0);
	assert_int_equal(user_read(&alice).key.service, 0);
	share(HC_COLD_WAIT, HC_ALONE_REFUSE, 0);
	read_asks();
	assert_int_equal(attempt(0), VANISHES);
	assert_int_equal(read_asks(), 1);
	assert_int_equal(asked.need, 1);
}

/* All ways have sessions: no record, no units; the user is not counted. */
static void test_no_room(void **state)
{
	struct hc_user_key key;
	__u32 taken = 77;
	int next = 0;

	(void)state;
	share_three(EIGHT, HC_COLD_WAIT);
	user_set_active(&alice, 1);
	for (int i = 1; i < HC_WAYS; i++) {
		key = client_at(neighbour(&next));
		set_units(&key, 1);
		user_set_active(&key, 1);
	}
	key = client_at(neighbour(&next));
	assert_int_equal(fleet_words_set_units(words, &key, 0, 1, &taken), -ENOSPC);
	assert_int_equal(taken, 0);
}

static void test_asks_full(void **state)
{
	char from[32];

	(void)state;
	share_three(EIGHT, HC_COLD_WAIT);
	for (int i = 0; i < 2000; i++) {
		snprintf(from, sizeof(from), "10.2.%d.%d", i / 256, i % 256);
		assert_true(vanishes(from));
	}
	assert_true(lost(HC_LOSS_ASKS_FULL) > 0);
	assert_int_equal(read_asks() + lost(HC_LOSS_ASKS_FULL), 2000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, close_words)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_words),       TEST(test_units),     TEST(test_first),
		TEST(test_short),       TEST(test_deadline),  TEST(test_alone),
		TEST(test_short_waits), TEST(test_no_answer), TEST(test_closed),
		TEST(test_admit),       TEST(test_observe),   TEST(test_reload),
		TEST(test_reclaimed),   TEST(test_no_room),   TEST(test_asks_full),
	};

	return RUN_GATE_TESTS(tests);
}
