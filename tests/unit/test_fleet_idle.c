// SPDX-License-Identifier: GPL-2.0-only
/* Units that another host asks for: for how long, and how often, it is looked whether they are
 * idle. */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(who_does_not_come, end),
		cmocka_unit_test_teardown(how_often, end),
	};

	return cmocka_run_group_tests_name("units that are asked for", tests, NULL, NULL);
}
