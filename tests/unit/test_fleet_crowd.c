// SPDX-License-Identifier: GPL-2.0-only
/* How many units attempts ask for that come at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "user/daemon/fleet_crowd.h"

#define BEGIN (1000 * NS_PER_SECOND)

static struct fleet_crowd crowd;

static int clear(void **state)
{
	(void)state;
	crowd = (struct fleet_crowd){};
	return 0;
}

/* What one asks for that comes so many ms after the begin, while so many slots are taken. */
static __u32 need_at(unsigned int ms, __u32 taken)
{
	const struct hc_ask ask = {.need = taken + 1, .cap = 8, .ends.remote_port = 1234};

	return fleet_crowd_need(&crowd, &ask, BEGIN + ms * NS_PER_MS);
}

static void one_for_each(void **state)
{
	(void)state;
	assert_int_equal(need_at(0, 2), 3);
	assert_int_equal(need_at(1, 2), 4);
	assert_int_equal(need_at(2, 3), 6); /* the first's unit is somebody else's already */
	assert_int_equal(need_at(800, 3), 7);
	/* Those that were dropped come again: whoever asks is one of them. */
	assert_int_equal(need_at(1000, 4), 5);
	assert_int_equal(need_at(1001, 4), 6);
	assert_int_equal(need_at(3001, 5), 6);
}

static void labels_and_sessions(void **state)
{
	const struct hc_ask label = {.need = 1, .cap = 8};
	const struct hc_ask given = {
		.need = 1, .cap = 8, .label.text = "carol", .ends.remote_port = 1234};
	const struct hc_ask session = {.need = 1, .cap = 8, .id = 7, .ends.remote_port = 1};

	(void)state;
	for (int i = 0; i < 5; i++) {
		assert_int_equal(fleet_crowd_need(&crowd, &label, BEGIN), 1);
		assert_int_equal(fleet_crowd_need(&crowd, &given, BEGIN), 1);
		assert_int_equal(fleet_crowd_need(&crowd, &session, BEGIN), 1);
	}
	assert_int_equal(crowd.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(one_for_each, clear),
		cmocka_unit_test_setup(labels_and_sessions, clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
