// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include "fleet_host.h"

static int end(void **state)
{
	(void)state;
	fleet_host_free(&host);
	return 0;
}

static void joins_claims_and_counts_the_lease_from_asking(void **state)
{
	const struct fleet_message *message;
	__u64 sent;

	(void)state;
	host_begin(0);
	sessions[1] = 2;
	units[1] = 5;
	assert_int_equal(fleet_add(&host, &keys[1], 8), 0);
	message = fleet_send(&host, now);
	assert_string_equal(argument(message, 0), "0000000000001234");
	assert_string_equal(argument(message, 2), "");
	assert_int_equal(message->count, FLEET_FIXED);
	assert_null(fleet_send(&host, now + NS_PER_SECOND)); /* one is under way */
	answer("joined", EPOCH, "1", "");
	assert_int_equal(deadline, 0);

	/* What is there, and no more than that. */
	message = fleet_send(&host, now);
	assert_int_equal(units[1], 2);
	assert_string_equal(argument(message, 2), EPOCH);
	assert_string_equal(argument(message, 3), "3");
	assert_string_equal(argument(message, 4), "sl");
	assert_string_equal(argument(message, 8), "8 2 2 2");
	sent = now;
	now += NS_PER_SECOND;
	assert_int_equal(answer("ok", EPOCH, "1", "2"), 0);
	assert_int_equal(host.stage, FLEET_MEMBER);
	assert_int_equal(deadline, sent + LEASE);
}

static void late_answers_are_thrown_away(void **state)
{
	__u64 older;

	(void)state;
	host_member(0);
	fleet_want(&host, &keys[0], 8, 1, now);
	assert_non_null(fleet_send(&host, now));
	older = host.n;
	now += 3 * NS_PER_SECOND; /* it is given up */
	fleet_send(&host, now);
	now += NS_PER_SECOND;
	fleet_want(&host, &keys[0], 8, 1, now);
	assert_non_null(fleet_send(&host, now));
	assert_int_equal(answer_to(older, "ok", EPOCH, "1", "1", "", 0), 0);
	assert_int_equal(units[0], 0);
	assert_int_equal(host.counters.late, 1);
	assert_int_equal(answer("ok", EPOCH, "1", "1"), 0);
	assert_int_equal(units[0], 1);

	/* And the one that is waited for, after a lease: the process was stopped. */
	now += NS_PER_SECOND;
	assert_non_null(fleet_send(&host, now));
	now += LEASE;
	older = deadline;
	assert_int_equal(answer("ok", EPOCH, "1", ""), 0);
	assert_int_equal(deadline, older);
	assert_int_equal(host.counters.late, 2);
}

static int receive_with(__u32 acks, const char *server)
{
	const struct fleet_word words[] = {{"ok", 2}, {"3", 1}, {EPOCH, strlen(EPOCH)},
					   {"3", 1},  {"1", 1}, {"1", 1},
					   {"", 0}};
	const struct fleet_word confirm = {server, strlen(server)};

	fleet_want(&host, &keys[0], 8, 1, now);
	host.n = 2; /* so that the answer is to this */
	assert_non_null(fleet_send(&host, now));
	return fleet_receive(&host, words, 7, acks, &confirm, now);
}

static void answers_count_when_others_have_the_message(void **state)
{
	const struct {
		__u32 acks;
		const char *server;
		__u32 units;
	} cases[] = {
		{0, "ab.2.0", 0},  {1, "ab.3.0", 0}, {1, "ac.2.0", 0}, {1, "ab.2", 0},
		{1, "ab.2.0.", 0}, {1, "", 0},       {1, "ab.2.0", 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		host_member(1);
		assert_int_equal(receive_with(cases[i].acks, cases[i].server), 0);
		assert_int_equal(units[0], cases[i].units);
		assert_int_equal(host.counters.unconfirmed, !cases[i].units);
		fleet_host_free(&host);
	}
	host_begin(0);
}

static void a_store_cannot_give_what_was_not_asked_for(void **state)
{
	static const char *const down[] = {
		"3", "0 0", "", "1x", "1 ", " 1", "-1", "4294967296", "99999999999999999999"};

	(void)state;
	for (size_t i = 0; i < sizeof(down) / sizeof(down[0]); i++) {
		host_member(0);
		fleet_want(&host, &keys[0], 8, 2, now);
		assert_non_null(fleet_send(&host, now));
		assert_int_equal(answer("ok", EPOCH, "1", down[i]), -EPROTO);
		assert_int_equal(units[0], 0);
		assert_int_equal(host.counters.malformed, 1);
		/* What it had is said once more; the client is not there any more. */
		now += 2 * NS_PER_SECOND;
		assert_string_equal(argument(fleet_send(&host, now), 8), "8 0 0 0");
		fleet_host_free(&host);
	}
	host_begin(0);
}

static void units_leave_the_kernel_before_the_store_hears(void **state)
{
	char calls[17] = "-";
	const struct fleet_message *message;

	(void)state;
	host_member(0);
	get(0, 3, "3");
	assert_int_equal(units[0], 3);
	memcpy(calls + 1, &keys[0], 16);
	now += 2 * NS_PER_SECOND; /* who asked has not come again */
	assert_non_null(fleet_send(&host, now));
	assert_int_equal(answer_to(host.n, "ok", EPOCH, "1", "", calls, 17), 0);
	begins = 1; /* while it looks */
	message = fleet_send(&host, now);
	assert_string_equal(argument(message, 8), "8 1 1 1");
	assert_int_equal(units[0], 1);
	assert_int_equal(sessions[0], 1);
}

static void a_unit_waits_for_who_asked_for_it(void **state)
{
	char calls[17] = "-";

	(void)state;
	host_member(0);
	get(0, 1, "1");
	memcpy(calls + 1, &keys[0], 16);
	fleet_called(&host);
	assert_non_null(fleet_send(&host, now));
	assert_int_equal(answer_to(host.n, "ok", EPOCH, "1", "", calls, 17), 0);
	assert_null(fleet_send(&host, now));
	assert_int_equal(units[0], 1);
	/* It came and went: there is nobody to wait for. */
	sessions[0] = 1;
	now += 2 * NS_PER_SECOND;
	assert_non_null(fleet_send(&host, now));
	assert_int_equal(answer("ok", EPOCH, "1", ""), 0);
	sessions[0] = 0;
	fleet_ended(&host, &keys[0]);
	assert_string_equal(argument(fleet_send(&host, now), 8), "8 0 0 0");
}

static void a_new_epoch_takes_units_of_a_live_lease(void **state)
{
	(void)state;
	host_member(1);
	get(0, 3, "3");
	sessions[0] = 1;
	now += 5 * NS_PER_SECOND;
	assert_non_null(fleet_send(&host, now));
	assert_int_equal(answer("joined", EPOCH2, "0", ""), 0);
	assert_int_equal(deadline, now + LEASE);
	assert_string_equal(argument(fleet_send(&host, now), 8), "8 3 3 3");
	assert_int_equal(units[0], 3);
}

static void joined_late_or_expelled_only_sessions_are_claimed(void **state)
{
	const struct {
		__u64 passed;
		const char *epoch, *ready;
	} cases[] = {
		{LEASE + 1, EPOCH2, "0"},         /* the lease was over */
		{2 * NS_PER_SECOND, EPOCH2, "1"}, /* others have got units there */
		{2 * NS_PER_SECOND, EPOCH, "1"},  /* expelled */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		host_member(1);
		get(0, 3, "3");
		sessions[0] = 1;
		now += cases[i].passed;
		assert_non_null(fleet_send(&host, now));
		assert_int_equal(answer("joined", cases[i].epoch, cases[i].ready, ""), 0);
		assert_int_equal(deadline, 0);
		assert_string_equal(argument(fleet_send(&host, now), 8), "8 1 1 1");
		assert_int_equal(units[0], 1);
		fleet_host_free(&host);
	}
	host_begin(0);
}

static void sessions_beyond_the_units_are_claimed(void **state)
{
	(void)state;
	host_member(0);
	get(0, 1, "1");
	sessions[0] = 4; /* admitted without the store */
	for (int i = 0; i < 3; i++) {
		now += NS_PER_SECOND;
		fleet_tick(&host, now);
	}
	assert_string_equal(argument(fleet_send(&host, now), 8), "8 4 4 4");
	assert_int_equal(units[0], 1); /* not before they are down */
	sessions[0] = 3;
	assert_int_equal(answer("ok", EPOCH, "1", "4"), 0);
	assert_int_equal(units[0], 3); /* of what has ended no other may begin */
}

static void a_flood_of_users_asks_at_a_rate(void **state)
{
	struct fleet_key key = {};
	__u32 asked = 0;

	(void)state;
	host_member(0);
	now += 10 * NS_PER_SECOND;
	for (int i = 0; i < 60; i++) {
		key.bytes[0] = 100 + i;
		assert_int_equal(fleet_want(&host, &key, 8, 1, now), 0);
	}
	assert_non_null(fleet_send(&host, now));
	asked = host.item_count;
	assert_in_range(asked, 1, 11); /* a tenth of a second's, and one */
	for (int i = 0; i < 4; i++)
		key.bytes[0]++, fleet_want(&host, &key, 8, 1, now);
	assert_int_equal(fleet_want(&host, &keys[0], 8, 1, now), -ENOSPC);
	assert_int_equal(host.counters.full, 1);
}

/* One a second, however often somebody looks. */
static void a_small_rate_gets_on(void **state)
{
	(void)state;
	host_member(0);
	host.settings.asks = 1;
	host.tokens = 0;
	assert_int_equal(fleet_want(&host, &keys[0], 8, 1, now), 0);
	for (int i = 0; i < 20000 && !host.item_count; i++) {
		now += NS_PER_MS / 10;
		if (fleet_send(&host, now) && !host.item_count)
			assert_int_equal(answer("ok", EPOCH, "1", ""), 0);
		assert_int_equal(fleet_want(&host, &keys[0], 8, 1, now), 0);
	}
	assert_int_equal(host.item_count, 1);
}

/* A message waits for its answer while they come, and all but one give up. */
static void forged_asks_are_in_nobodys_way(void **state)
{
	struct fleet_key key = {};

	(void)state;
	host_member(0);
	now += 10 * NS_PER_SECOND;
	assert_non_null(fleet_send(&host, now));
	for (int i = 0; i < 60; i++) {
		key.bytes[0] = 100 + i;
		assert_int_equal(fleet_want(&host, &key, 8, 1, now), 0);
	}
	now += 15 * NS_PER_SECOND / 10;
	assert_int_equal(fleet_want(&host, &keys[0], 8, 1, now), 0);
	assert_int_equal(answer("ok", EPOCH, "1", ""), 0);
	assert_non_null(fleet_send(&host, now));
	assert_int_equal(host.item_count, 1);
	assert_memory_equal(&host.table.users[host.items[0].index].key, &keys[0],
			    sizeof(keys[0]));
}

static void who_leaves_uses_nothing_and_says_so(void **state)
{
	(void)state;
	host_member(0);
	fleet_leave(&host);
	assert_int_equal(deadline, 0);
	assert_non_null(strchr(argument(fleet_send(&host, now), 4), 'q'));
	assert_int_equal(answer("left", EPOCH, "0", ""), 0);
	assert_int_equal(deadline, 0);
	assert_int_equal(host.stage, FLEET_OUT);
}

static void members_are_expelled_after_more_than_a_lease(void **state)
{
	struct fleet_peers peers;
	const struct fleet_peer seen[] = {{7, 100}, {3, 50}}, moved[] = {{3, 51}, {7, 100}};
	const __u64 patience = fleet_outlasts(&host);

	(void)state;
	assert_int_equal(patience, LEASE + LEASE / 40);
	assert_int_equal(fleet_peers_init(&peers), 0);
	fleet_peers_look(&peers, seen, 2, 0, 1000, patience);
	/* What counts is when the later look was asked for. */
	fleet_peers_look(&peers, seen, 2, 999 + patience, 5000 + patience, patience);
	assert_false(peers.seen[0].gone || peers.seen[1].gone);
	fleet_peers_look(&peers, moved, 2, 1000 + patience, 5000 + patience, patience);
	assert_int_equal(peers.seen[0].peer.id, 3);
	assert_false(peers.seen[0].gone);
	assert_true(peers.seen[1].gone);
	fleet_peers_look(&peers, moved, 1, 1000 + patience, 5000 + patience, patience);
	assert_int_equal(peers.count, 1);
	fleet_peers_free(&peers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(joins_claims_and_counts_the_lease_from_asking, end),
		cmocka_unit_test_teardown(late_answers_are_thrown_away, end),
		cmocka_unit_test_teardown(answers_count_when_others_have_the_message, end),
		cmocka_unit_test_teardown(a_store_cannot_give_what_was_not_asked_for, end),
		cmocka_unit_test_teardown(units_leave_the_kernel_before_the_store_hears, end),
		cmocka_unit_test_teardown(a_unit_waits_for_who_asked_for_it, end),
		cmocka_unit_test_teardown(a_new_epoch_takes_units_of_a_live_lease, end),
		cmocka_unit_test_teardown(joined_late_or_expelled_only_sessions_are_claimed,
					  end),
		cmocka_unit_test_teardown(sessions_beyond_the_units_are_claimed, end),
		cmocka_unit_test_teardown(a_flood_of_users_asks_at_a_rate, end),
		cmocka_unit_test_teardown(a_small_rate_gets_on, end),
		cmocka_unit_test_teardown(forged_asks_are_in_nobodys_way, end),
		cmocka_unit_test_teardown(who_leaves_uses_nothing_and_says_so, end),
		cmocka_unit_test(members_are_expelled_after_more_than_a_lease),
	};

	return cmocka_run_group_tests_name("a host of the fleet", tests, NULL, NULL);
}
