// SPDX-License-Identifier: GPL-2.0-only
/* Units that are idle: how long they are kept, and when they go to another host that asks. */
#include "fleet_host.h"

#define TENTH (NS_PER_SECOND / 10)

static int looks;

static __u32 count_looks(void *ctx, __u32 index, const struct fleet_key *key)
{
	looks++;
	return read_sessions(ctx, index, key);
}

static int end(void **state)
{
	(void)state;
	fleet_host_free(&host);
	return 0;
}

/* A unit of the user, which another host asks for at once. */
static void be_called(void)
{
	char calls[17] = "-";

	host_member(0);
	get(0, 1, "1");
	memcpy(calls + 1, &keys[0], 16);
	fleet_called(&host);
	assert_non_null(fleet_send(&host, now));
	assert_int_equal(answer_to(host.n, "ok", EPOCH, "1", "", calls, 17), 0);
}

/* Who has asked here may come again for so long, and then the unit goes. */
static void who_does_not_come(void **state)
{
	(void)state;
	be_called();
	for (int i = 0; i < 10; i++) {
		now += TENTH;
		fleet_tick(&host, now);
		assert_int_equal(units[0], 1);
	}
	for (int i = 0; i < 3; i++) {
		now += TENTH;
		fleet_tick(&host, now);
	}
	assert_string_equal(argument(fleet_send(&host, now), 8) ?: "nothing", "8 0 0 0");
	assert_int_equal(units[0], 0);
}

/* However often others wake the thread: once by the walk, and by the call ten times a second.
 */
static void how_often(void **state)
{
	(void)state;
	be_called();
	sessions[0] = 1;
	host.kernel.sessions = count_looks;
	looks = 0;
	for (int i = 0; i < 500; i++) {
		now += NS_PER_MS;
		fleet_tick(&host, now);
	}
	assert_in_range(looks, 500, 510);
}

/* So many seconds in which it only looks: what is said of users then. */
static const char *said_after(int seconds)
{
	for (int i = 0; i < seconds; i++) {
		now += NS_PER_SECOND;
		fleet_tick(&host, now);
		if (!fleet_send(&host, now))
			continue;
		if (host.item_count)
			return argument(&host.message, 8);
		assert_int_equal(answer("ok", EPOCH, "1", ""), 0);
	}
	return "nothing";
}

static void short_sessions_keep_their_units(void **state)
{
	(void)state;
	host_member(0);
	get(0, 2, "2"); /* whose sessions are over whenever it is looked */
	for (int i = 0; i < 4; i++) {
		assert_string_equal(said_after(4), "nothing");
		used = now - NS_PER_SECOND / 2;
	}
	assert_string_equal(said_after(58), "nothing");
	assert_string_equal(said_after(3), "8 0 0 0");
	assert_int_equal(units[0], 0);
}

static void units_that_nobody_came_for_go_back_soon(void **state)
{
	(void)state;
	host_member(0);
	used = now; /* by who asked */
	get(0, 2, "2");
	assert_string_equal(said_after(5), "nothing");
	assert_string_equal(said_after(5), "8 0 0 0");
}

static void tick(__u64 passed)
{
	now += passed;
	fleet_tick(&host, now);
}

static void what_gets_idle_goes_to_who_has_asked(void **state)
{
	char calls[17] = "-";

	(void)state;
	host_member(0);
	get(0, 1, "1");
	sessions[0] = 1;
	memcpy(calls + 1, &keys[0], 16);
	for (int i = 0; i < 2; i++) {
		now += 5 * NS_PER_SECOND;
		assert_non_null(fleet_send(&host, now));
		assert_int_equal(answer_to(host.n, "ok", EPOCH, "1", "", calls, 17), 0);
		tick(NS_PER_SECOND / 10);
		tick(NS_PER_SECOND / 2);
		assert_null(fleet_send(&host, now)); /* it is in use */
	}
	sessions[0] = 0;
	tick(NS_PER_SECOND / 10);
	assert_string_equal(argument(fleet_send(&host, now), 8), "8 0 0 0");
	assert_int_equal(units[0], 0);
}

static void but_not_when_nobody_asks_any_more(void **state)
{
	char calls[17] = "-";

	(void)state;
	host_member(0);
	get(0, 1, "1");
	sessions[0] = 1;
	memcpy(calls + 1, &keys[0], 16);
	now += 5 * NS_PER_SECOND;
	assert_non_null(fleet_send(&host, now));
	assert_int_equal(answer_to(host.n, "ok", EPOCH, "1", "", calls, 17), 0);
	tick(NS_PER_SECOND / 10);
	tick(13 * NS_PER_SECOND / 10); /* the grace, and some */
	sessions[0] = 0;
	tick(NS_PER_SECOND / 10);
	assert_int_equal(argument(fleet_send(&host, now), 8) != NULL, false);
	assert_int_equal(units[0], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(who_does_not_come, end),
		cmocka_unit_test_teardown(how_often, end),
		cmocka_unit_test_teardown(short_sessions_keep_their_units, end),
		cmocka_unit_test_teardown(units_that_nobody_came_for_go_back_soon, end),
		cmocka_unit_test_teardown(what_gets_idle_goes_to_who_has_asked, end),
		cmocka_unit_test_teardown(but_not_when_nobody_asks_any_more, end),
	};

	return cmocka_run_group_tests_name("idle units", tests, NULL, NULL);
}
