// SPDX-License-Identifier: GPL-2.0-only
/* The fleet in page.json, whatever hosts are called and stores say. */
#include "web_facts.h"

static struct hc_fleet_shard *shard(const char *server)
{
	struct hc_fleet_shard *shard = &facts.fleet.shard[facts.fleet.shards++];

	snprintf(shard->server, sizeof(shard->server), "%s", server);
	return shard;
}

static void fleet(void **state)
{
	struct json_object *object, *fleet, *first, *second;
	struct hc_fleet_shard *one, *other;
	size_t size;

	(void)state;
	service(2, "imap")->fleet = true;
	service(3, "pop");
	object = printed(&size);
	assert_true(json_object_object_get_ex(object, "fleet", &fleet));
	assert_null(fleet);
	json_object_put(object);
	strcpy(facts.fleet.name, "\"</b>\xff");
	facts.fleet.units = 7;
	facts.fleet.debts = 2;
	facts.fleet.alone = HC_ALONE_REFUSE;
	one = shard("10.0.0.1:6379");
	one->stage = HC_FLEET_MEMBER;
	one->ready = true;
	one->deadline_ns = clock_ns(CLOCK_BOOTTIME) + 3600 * NS_PER_SECOND;
	one->members = 3;
	one->round_trip_ns = 1234567;
	strcpy(one->epoch, "42.abc.0.0.def.1");
	other = shard("\"&\x01");
	other->alone_since_ns = 5 * NS_PER_SECOND;
	memset(other->why, '"', sizeof(other->why) - 1);
	object = printed(&size);
	fleet = json_object_object_get(object, "fleet");
	assert_string_equal(text_of(fleet, "name"), "\"</b>\xef\xbf\xbd");
	assert_string_equal(text_of(fleet, "alone"), "refuse");
	assert_int_equal(number_of(fleet, "units"), 7);
	assert_int_equal(number_of(fleet, "debts"), 2);
	assert_int_equal(number_of(fleet, "alone_unix_ms"), 5000);
	first = item(fleet, "shards", 0);
	second = item(fleet, "shards", 1);
	assert_string_equal(text_of(first, "stage"), "ready");
	assert_true(number_of(first, "lease_ms") > 3500000);
	assert_int_equal(number_of(first, "members"), 3);
	assert_int_equal(number_of(first, "epoch"), 42);
	assert_int_equal(number_of(first, "answer_us"), 1234);
	assert_null(json_object_object_get(first, "alone_unix_ms"));
	assert_string_equal(text_of(second, "stage"), "alone");
	assert_string_equal(text_of(second, "store"), "\"&\x01");
	assert_int_equal(strlen(text_of(second, "why")), sizeof(other->why) - 1);
	assert_int_equal(number_of(second, "lease_ms"), 0);
	assert_null(json_object_object_get(second, "members"));
	assert_string_equal(text_of(item(object, "services", 0), "scope"), "fleet");
	assert_string_equal(text_of(item(object, "services", 1), "scope"), "host");
	json_object_put(object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(fleet, clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
