// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "user/kernel/fleet_key.h"

/* What the fleet calls a user: other hosts say the same, and may be of another build. */

static const struct hc_label alice = {.text = "alice"};

static struct fleet_key key_of(const char *service, struct hc_user_key user,
			       const struct hc_label *label)
{
	struct fleet_key key;

	fleet_key_of(service, &user, label, &key);
	return key;
}

static void assert_same(struct fleet_key a, struct fleet_key b)
{
	assert_memory_equal(&a, &b, sizeof(a));
}

static void assert_other(struct fleet_key a, struct fleet_key b)
{
	assert_memory_not_equal(&a, &b, sizeof(a));
}

/* printf 'imap' and 28 NULs, 03 00, 'alice' and 59 NULs | sha256sum */
static void is_of_all_builds(void **state)
{
	static const __u8 expected[16] = {0x95, 0x97, 0xe5, 0xc7, 0x85, 0xf0, 0xdc, 0x5d,
					  0x63, 0xc6, 0x80, 0xb7, 0x51, 0x8b, 0xdc, 0x2a};
	const struct hc_user_key user = {.service = 9, .kind = HC_BY_LABEL, .id = {1, 2, 3}};
	struct fleet_key key = key_of("imap", user, &alice);

	(void)state;
	assert_memory_equal(key.bytes, expected, sizeof(expected));
}

static void ids_are_no_part(void **state)
{
	struct hc_user_key a = {.service = 2, .kind = HC_BY_LABEL, .id = {1}};
	struct hc_user_key b = {.service = 7, .kind = HC_BY_LABEL, .id = {2}};

	(void)state;
	assert_same(key_of("imap", a, &alice), key_of("imap", b, &alice));
	a = b = (struct hc_user_key){.kind = HC_BY_UID, .uid = 1000};
	b.service = 3;
	assert_same(key_of("imap", a, NULL), key_of("imap", b, NULL));
}

static void users_differ(void **state)
{
	const struct hc_label bob = {.text = "bob"};
	const struct hc_user_key label = {.kind = HC_BY_LABEL}, uid = {.kind = HC_BY_UID};
	const struct hc_user_key one = {.kind = HC_BY_CLIENT, .prefix = 128, .id = {1}};
	const struct hc_user_key two = {.kind = HC_BY_CLIENT, .prefix = 128, .id = {2}};
	const struct hc_user_key net = {.kind = HC_BY_CLIENT, .prefix = 64, .id = {1}};
	const struct hc_user_key root = {.kind = HC_BY_UID, .uid = 1};

	(void)state;
	assert_other(key_of("imap", label, &alice), key_of("imap", label, &bob));
	assert_other(key_of("imap", label, &alice), key_of("pop3", label, &alice));
	assert_other(key_of("imap", one, NULL), key_of("imap", two, NULL));
	assert_other(key_of("imap", one, NULL), key_of("imap", net, NULL));
	assert_other(key_of("imap", uid, NULL), key_of("imap", root, NULL));
	assert_other(key_of("imap", one, NULL), key_of("imap", root, NULL));
}

static void shards_share(void **state)
{
	__u32 counts[4] = {};

	(void)state;
	for (__u32 uid = 0; uid < 4000; uid++) {
		struct fleet_key key = key_of(
			"imap", (struct hc_user_key){.kind = HC_BY_UID, .uid = uid}, NULL);

		assert_true(fleet_key_shard(&key, 4) < 4);
		assert_int_equal(fleet_key_shard(&key, 1), 0);
		counts[fleet_key_shard(&key, 4)]++;
	}
	for (int i = 0; i < 4; i++)
		assert_in_range(counts[i], 850, 1150);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_of_all_builds),
		cmocka_unit_test(ids_are_no_part),
		cmocka_unit_test(users_differ),
		cmocka_unit_test(shards_share),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
