// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "print_samples.h"

#define HEAD                                                                                   \
	"{\"@timestamp\":\"2023-11-15T23:14:21.000000000Z\",\"event.kind\":\"event\","         \
	"\"event.category\":[\"network\"],\"event.type\":[\"info\"],\"event.action\":\""

/* Of the samples. */
#define ORIGIN ",\"host.name\":\"front\\u00227\",\"agent.ephemeral_id\":\"8a4f500f9c3d21e7\""

static const struct print_fleet news = {
	.time_ns = 90061 * SECOND,
	.since_ns = 90051 * SECOND,
	.alone = true,
	.means = HC_ALONE_REFUSE,
	.members = 3,
	.store = "a\"b\x1b:6379",
};

static void alone_and_back(void **state)
{
	struct print_fleet back = news;

	(void)state;
	print_json_fleet(&buffer, &context, &news);
	printed(HEAD "fleet-alone\",\"event.dataset\":\"headcount.session\","
		     "\"event.sequence\":7" ORIGIN
		     ",\"event.start\":\"2023-11-15T23:14:11.000000000Z\","
		     "\"headcount.fleet.alone\":\"refuse\",\"headcount.fleet.members\":3,"
		     "\"headcount.fleet.store\":\"a\\u0022b\\u001b:6379\"}\n");
	back.alone = false;
	print_json_fleet(&buffer, &context, &back);
	printed(HEAD "fleet-back\",\"event.dataset\":\"headcount.session\","
		     "\"event.sequence\":8" ORIGIN
		     ",\"event.start\":\"2023-11-15T23:14:11.000000000Z\","
		     "\"event.duration\":10000000000,"
		     "\"headcount.fleet.alone\":\"refuse\",\"headcount.fleet.members\":3,"
		     "\"headcount.fleet.store\":\"a\\u0022b\\u001b:6379\"}\n");
}

/* The longest of everything, as outsiders may have it. */
static void longest(void **state)
{
	struct print_fleet hostile = news;

	(void)state;
	memset(hostile.store, 1, sizeof(hostile.store));
	print_json_fleet(&buffer, &context, &hostile);
	assert_int_equal(buffer.data[buffer.length - 1], '\n');
	assert_true(buffer.length < 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(alone_and_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(longest, set_up, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
