// SPDX-License-Identifier: GPL-2.0-only
/* Users of a cap that many hosts share: units, the lease, and who asks. What the daemon does is
 * done here. */
#include "gate.h"
#include "user/kernel/fleet_words.h"

static struct fleet_words *words;
static struct hc_ask asked; /* the newest */
static int asks;

static void on_ask(void *context, const struct hc_ask *ask)
{
	(void)context;
	asked = *ask;
	asks++;
}

static int close_words(void **state)
{
	fleet_words_close(words);
	words = NULL;
	return end(state);
}

static void open_words(const char *text)
{
	start(text);
	listen_at(NULL, 143);
	assert_int_equal(fleet_words_open(&words, object, on_ask, NULL), 0);
}

static __u32 set_units(const struct hc_user_key *user, __u32 units)
{
	__u32 taken = 77;

	assert_int_equal(fleet_words_set_units(words, user, 0, units, &taken), 0);
	return taken;
}

/* A record is made for units, and not for none. */
static void test_words(void **state)
{
	struct hc_user_key user = client_at("10.0.0.1");

	(void)state;
	open_words(SMALL IMAP "user = client/32/128\ncap = 8\n");
	assert_int_equal(set_units(&user, 0), 0);
	assert_int_equal(users_known(), 0);
	assert_int_equal(set_units(&user, 5), 0);
	assert_int_equal(user_read(&user).units, 5);
	assert_int_equal(user_read(&user).shard, 1);
	assert_int_equal(arrive("10.0.0.1"), SK_PASS);
	assert_int_equal(fleet_words_sessions(words, &user), 1);
	user_set_active(&user, 4);
	assert_int_equal(set_units(&user, 3), 5);
	assert_int_equal(fleet_words_sessions(words, &user), 5);
	assert_int_equal(user_read(&user).units, 3);
	assert_int_equal(user_read(&user).cap, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_words, begin, close_words),
	};

	return RUN_GATE_TESTS(tests);
}
