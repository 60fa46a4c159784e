// SPDX-License-Identifier: GPL-2.0-only
/* What `keepalive` turns into: within the time at worst, and with probes that can be answered.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "keepalive.h"

static void test_all(void **state)
{
	(void)state;
	for (__u32 seconds = HC_KEEPALIVE_MIN; seconds <= HC_KEEPALIVE_MAX; seconds++) {
		__u32 silence = hc_keepalive_silence(seconds);
		__u32 interval = hc_keepalive_interval(seconds);
		__u32 gone = hc_keepalive_gone(seconds);

		assert_in_range(silence, 1, 32767); /* the most that the kernel takes */
		assert_in_range(interval, 1, silence + 1);
		assert_int_equal(silence + HC_KEEPALIVE_PROBES * interval, gone);
		/* Silence and data in turn, each timer late by an eighth, and a first second.
		 */
		assert_true(2 * 9 * gone + 8 <= 8 * seconds);
	}
}

static void test_known(void **state)
{
	(void)state;
	assert_int_equal(hc_keepalive_silence(60), 14);
	assert_int_equal(hc_keepalive_interval(60), 4);
	assert_int_equal(hc_keepalive_gone(60), 26);
	assert_int_equal(hc_keepalive_silence(HC_KEEPALIVE_MIN), 1);
	assert_int_equal(hc_keepalive_interval(HC_KEEPALIVE_MIN), 1);
	assert_int_equal(hc_keepalive_gone(HC_KEEPALIVE_MIN), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_known),
	};

	return cmocka_run_group_tests_name("keepalive", tests, NULL, NULL);
}
