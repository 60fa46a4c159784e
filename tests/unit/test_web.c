// SPDX-License-Identifier: GPL-2.0-only
/* The page: whom it answers, its curves, whom it names, and that page.json is JSON of a bounded
 * size, whatever outsiders chose. */
#include "web_facts.h"

#include "user/web/assets.h"
#include "user/web/host.h"
#include "user/why/facts.h"

#define PIECE HISTORY_PIECE_NS

static void hosts(void **state)
{
	static const char *const ours[] = {
		"127.0.0.1",      "127.0.0.1:80",       "[::1]",
		"[::1]:9435",     "[fe80::1]:80",       "localhost",
		"LOCALHOST:9435", "mail.example.org",   "mail",
		"mail:9435",      "MAIL.example.ORG:1", "192.0.2.7:",
	};
	static const char *const others[] = {
		"",
		"evil.example",
		"mail.evil.example",
		"mail.example.org.evil",
		"mai",
		"mailx",
		"localhost.evil",
		"127.0.0.1.evil",
		"::1",
		"[::1",
		"[]",
		"[127.0.0.1]",
		"127.1",
		"127.0.0.1:80x",
		"mail:1:2",
		"[::1]x",
		"0x7f.0.0.1",
		"2130706433",
		":80",
		".",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (!web_host_is_ours(ours[i], "mail.example.org"))
			fail_msg("%s is ours", ours[i]);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (web_host_is_ours(others[i], "mail.example.org"))
			fail_msg("%s is not ours", others[i]);
	assert_false(web_host_is_ours(NULL, "mail"));
	assert_false(web_host_is_ours("", ""));
	assert_false(web_host_is_ours("evil", ""));
}

static void assets(void **state)
{
	const struct web_asset *page = web_asset_find("/"),
			       *script = web_asset_find("/page.js");
	char one[WEB_TAG], other[WEB_TAG];

	(void)state;
	assert_null(web_asset_find("/page.html"));
	assert_memory_equal(page->start, "<!DOCTYPE html>", 15);
	assert_memory_equal(page->end - 8, "</html>\n", 8);
	assert_string_not_equal(web_asset_tag(page, one), web_asset_tag(script, other));
}

static void note(__u64 piece, __u64 refused)
{
	facts.counters[2].refused[HC_SCOPE_TOTAL][HC_WAIT] = refused;
	history_note(&facts.history, &facts.policy, facts.counters, piece * PIECE + 7);
}

static __u32 refused_at(unsigned int age)
{
	return history_piece(&facts.history, &facts.history.rows[2], HISTORY_REFUSED, age);
}

static void curves(void **state)
{
	const struct history_row *row = &facts.history.rows[2];
	unsigned int age;

	(void)state;
	service(2, "imap");
	note(1000, 50); /* what was before is not of the last hour */
	assert_int_equal(row->total[HISTORY_REFUSED], 0);
	note(1000, 53);
	note(1000, 54);
	note(1003, 60);
	assert_int_equal(refused_at(0), 6);
	assert_int_equal(refused_at(1), 0);
	assert_int_equal(refused_at(3), 4);
	assert_int_equal(row->total[HISTORY_REFUSED], 10);
	note(1000 + HISTORY_PIECES - 1, 60);
	assert_int_equal(refused_at(HISTORY_PIECES - 1), 4); /* the oldest there is */
	note(1000 + HISTORY_PIECES, 60);
	assert_int_equal(row->total[HISTORY_REFUSED], 6);
	note(1000 + 100 * HISTORY_PIECES, 61);
	for (age = 1; age < HISTORY_PIECES; age++)
		assert_int_equal(refused_at(age), 0);
	assert_int_equal(row->total[HISTORY_REFUSED], 1);
	/* Counted anew, or another service of the same id. */
	note(1000 + 100 * HISTORY_PIECES, 5);
	assert_int_equal(row->total[HISTORY_REFUSED], 0);
	note(1000 + 100 * HISTORY_PIECES, 7);
	assert_int_equal(row->total[HISTORY_REFUSED], 2);
	service(2, "pop");
	note(1000 + 100 * HISTORY_PIECES, 9);
	assert_int_equal(row->total[HISTORY_REFUSED], 0);
}

static struct hc_user user(__u32 number, __u32 active, __u32 cap, __u64 refused)
{
	struct hc_user made = {
		.word = active, .cap = cap, .refused = refused, .opened = number};

	made.key = (struct hc_user_key){.service = 2, .kind = HC_BY_UID};
	made.key.uid = number;
	made.refusals.window = facts.now_ns >> HC_WINDOW_SHIFT;
	return made;
}

static void add(struct hc_user one)
{
	web_users_add(&facts.users, &one, facts.now_ns);
}

static void chosen_users(void **state)
{
	static const __u32 want[] = {7, 3, 6, 5, 1, 2};
	struct hc_user late = user(8, 0, 4, 3);

	(void)state;
	service(2, "imap");
	add(user(1, 90, HC_UNLIMITED, 0)); /* many, and no cap */
	add(user(2, 5, 100, 0));
	add(user(3, 4, 4, 1));  /* at the cap */
	add(user(4, 0, 4, 0));  /* nothing now, and nothing lately */
	add(user(5, 1, 4, 9));  /* refused, and has room again */
	add(user(6, 9, 10, 0)); /* near */
	add(user(7, 5, 4, 2));  /* above its cap, which came later */
	late.refusals.window = 0;
	facts.now_ns += 2 * 3600 * NS_PER_SECOND;
	web_users_add(&facts.users, &late, facts.now_ns); /* refused, but long ago */
	assert_int_equal(facts.users.count, 8);
	assert_int_equal(facts.users.pressed, 4);
	assert_int_equal(facts.users.shown, 6);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(facts.users.items[i].key.uid, want[i]);
	assert_int_equal(facts.users.active[2], 114);
	assert_int_equal(facts.users.holders[2], 6);
	assert_int_equal(facts.users.full[2], 2);
}

/* In whatever order they come, the same are shown. */
static void many_users(void **state)
{
	const __u32 all = 10007; /* a prime */

	(void)state;
	for (__u32 i = 0; i < all; i++) {
		__u32 number = i * 4001u % all;

		add(user(number, number + 1, HC_UNLIMITED, 0));
	}
	assert_int_equal(facts.users.shown, WEB_USERS);
	for (__u32 i = 0; i < WEB_USERS; i++)
		assert_int_equal(facts.users.items[i].key.uid, all - 1 - i);
}

static void add_stale(const char *comm)
{
	struct hc_socket *socket = &facts.stale.items[facts.stale.shown++];

	memset(socket, 0xff, sizeof(*socket));
	socket->state = 1;
	socket->session.user = user(1, 1, 4, 0).key;
	memcpy(socket->session.comm, comm, HC_COMM_MAX);
	facts.stale.count++;
}

static void hostile(void **state)
{
	static const char comm[HC_COMM_MAX] = "\"</script>\x01\xff\xe4\xb8\n";
	struct json_object *object;
	size_t size;

	(void)state;
	service(2, "imap");
	facts.stale_known = true;
	add_stale(comm);
	add_stale("0123456789abcdef"); /* not terminated */
	strcpy(facts.system.nodename, "\"\\\x7f<&");
	object = printed(&size);
	assert_string_equal(text_of(item(object, "stale", 0), "process"),
			    "\"</script>\x01\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\n");
	assert_string_equal(text_of(item(object, "stale", 1), "process"), "0123456789abcdef");
	assert_string_equal(text_of(object, "host"), "\"\\\x7f<&");
	json_object_put(object);
}

static void numbers(void **state)
{
	struct json_object *object, *imap;
	size_t size;

	(void)state;
	service(0, "outbound")->identify = HC_BY_UID;
	service(2, "imap")->total = 9;
	note(1000, 0);
	note(1000, 3);
	facts.counters[2].closed[HC_END_KILLED] = 2;
	facts.counters[2].closed[HC_END_IDLE] = 5;
	facts.counters[2].closed[HC_END_TIMEOUT] = 8;
	facts.counters[2].closed[HC_END_EVICTED] = 1;
	note(1001, 3);
	add(user(1, 4, 4, 6));
	object = printed(&size);
	imap = item(object, "services", 1);
	assert_string_equal(text_of(imap, "name"), "imap");
	assert_int_equal(number_of(imap, "total"), 9);
	assert_int_equal(number_of(imap, "active"), 4);
	assert_int_equal(number_of(imap, "at_cap"), 1);
	assert_int_equal(number_of(imap, "refused"), 3);
	assert_int_equal(number_of(imap, "refused_by_total"), 3);
	assert_int_equal(number_of(imap, "waited"), 3);
	assert_int_equal(number_of(imap, "redirected"), 0);
	assert_int_equal(number_of(imap, "closed"), 16);
	assert_int_equal(number_of(imap, "ended"), 8);
	assert_int_equal(number_of(imap, "evicted"), 1);
	assert_int_equal(number_of(imap, "timed_out"), 8);
	assert_int_equal(
		json_object_array_length(json_object_object_get(imap, "refused_lately")),
		HISTORY_PIECES);
	assert_int_equal(json_object_array_length(json_object_object_get(imap, "ended_lately")),
			 HISTORY_PIECES);
	assert_int_equal(
		json_object_get_int(json_object_array_get_idx(
			json_object_object_get(imap, "evicted_lately"), HISTORY_PIECES - 1)),
		1);
	assert_int_equal(json_object_array_length(json_object_object_get(
				 item(object, "services", 0), "evicted_lately")),
			 0);
	assert_null(json_object_object_get(item(object, "services", 0), "total"));
	assert_int_equal(number_of(item(object, "users", 0), "refused"), 6);
	assert_null(json_object_object_get(object, "users_ms"));
	json_object_put(object);
}

/* Everything at its largest. */
static void bounded(void **state)
{
	struct json_object *object;
	size_t size;

	(void)state;
	for (int id = 0; id < HC_SERVICES_MAX; id++)
		service(id, "0123456789012345678901234567890");
	memset(facts.counters, 0xff, sizeof(facts.counters));
	facts.history.newest = 1000;
	for (int id = 0; id < HC_SERVICES_MAX; id++) {
		struct history_row *row = &facts.history.rows[id];

		memset(row, 0xff, sizeof(*row));
		strcpy(row->name, facts.policy.services[id].name);
	}
	for (__u32 i = 0; i < 2 * WEB_USERS; i++)
		add(user(i, 5, 4, 6));
	while (facts.stale.shown < WEB_STALE)
		add_stale("\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01");
	memset(&facts.fleet, 1, sizeof(facts.fleet)); /* as record_read() leaves it */
	facts.fleet.alone = HC_ALONE_LOCAL;
	facts.fleet.name[HC_FLEET_NAME - 1] = '\0';
	for (facts.fleet.shards = 0; facts.fleet.shards < HC_SHARDS_MAX; facts.fleet.shards++) {
		struct hc_fleet_shard *shard = &facts.fleet.shard[facts.fleet.shards];

		shard->epoch[HC_FLEET_EPOCH - 1] = shard->server[HC_FLEET_PLACE - 1] =
			shard->why[HC_FLEET_WHY - 1] = '\0';
	}
	object = printed(&size);
	assert_int_equal(json_object_array_length(json_object_object_get(object, "services")),
			 HC_SERVICES_MAX);
	assert_int_equal(json_object_array_length(json_object_object_get(object, "users")),
			 WEB_USERS);
	assert_true(size < 450000 * HISTORY_CURVES);
	json_object_put(object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts),
		cmocka_unit_test(assets),
		cmocka_unit_test_setup(curves, clear),
		cmocka_unit_test_setup(chosen_users, clear),
		cmocka_unit_test_setup(many_users, clear),
		cmocka_unit_test_setup(hostile, clear),
		cmocka_unit_test_setup(numbers, clear),
		cmocka_unit_test_setup(bounded, clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
