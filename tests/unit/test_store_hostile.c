// SPDX-License-Identifier: GPL-2.0-only
/* The store's client with servers that say anything. */
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#include <hiredis/hiredis.h>

#include "fake_store.h"
#include "user/fleet/store_inside.h"

#define ONE "valkey://:pw@127.0.0.1:%u"

/* None of these is what a store says to anything, but for what comes to nothing. */
static const char *const garbage[] = {
	"\r\n",
	"hello\r\n",
	"HTTP/1.1 200 OK\r\n\r\n",
	"+\r\n",
	"+NO\r\n",
	"-\r\n",
	"-ERR \x1b[2J\r\n",
	"-READONLY You can't write against a read only replica.\r\n",
	"-NOAUTH Authentication required.\r\n",
	"-BUSY Redis is busy running a script.\r\n",
	"-OOM command not allowed when used memory > 'maxmemory'.\r\n",
	":-1\r\n",
	":99999999999999999999\r\n",
	":x\r\n",
	"$-1\r\n",
	"$-2\r\n",
	"$0\r\n\r\n",
	"$3\r\nab\r\n\r\n",
	"$x\r\n",
	"$9223372036854775807\r\n",
	"$99999999999999999999999\r\n",
	"*-1\r\n",
	"*-2\r\n",
	"*0\r\n",
	"*1\r\n+OK\r\n",
	"*4097\r\n",
	"*2147483647\r\n",
	"*4294967297\r\n",
	"*1000000000000\r\n",
	"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n",
	"*3\r\n$6\r\nmaster\r\n:1\r\n:1\r\n",
	"*2\r\n$6\r\nmaster\r\n:1\r\n",
	"*3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$0\r\n\r\n",
	"*7\r\n$2\r\nok\r\n$1\r\n1\r\n*1\r\n$1\r\nx\r\n$1\r\n3\r\n$1\r\n1\r\n$0\r\n\r\n$"
	"0\r\n\r\n",
	"*7\r\n$2\r\nok\r\n$1\r\n1\r\n$-1\r\n$1\r\n3\r\n$1\r\n1\r\n$0\r\n\r\n$0\r\n\r\n",
	"%1\r\n+a\r\n+b\r\n",
	"~1\r\n+a\r\n",
	">1\r\n+a\r\n",
	",1.5\r\n",
	"#t\r\n",
	"_\r\n",
	"(1234567890123456789012345678901234567890\r\n",
	"=5\r\ntxt:a\r\n",
};

static unsigned int broken_since(const struct store_state *before)
{
	struct store_state after = state_now();

	return after.broken - before->broken + after.failed - before->failed;
}

/* One of these, and then what is right again. Nothing of it is believed. */
static void survive(enum command command, const char *text)
{
	struct store_state before;

	store_begin(ONE);
	host.settings.acks = 1;
	before = state_now();
	servers[0].says[command] = text;
	settle();
	if (!broken_since(&before))
		pass(2200); /* it is waited for */
	if (!broken_since(&before))
		fail_msg("command %d was answered by %s", command, text);
	assert_int_not_equal(host.stage, FLEET_MEMBER);
	assert_int_equal(deadline, 0);
	servers[0].says[command] = NULL;
	pass(4000);
	if (host.stage != FLEET_MEMBER)
		fail_msg("after %s for %d: %s", text, command, state_now().why);
	store_free(store);
	store = NULL;
	fleet_host_free(&host);
	server_hang_up(&servers[0]);
	servers[0].loads = 0;
}

static void garbage_breaks_the_connection(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
		for (int command = AUTH; command <= CONFIRM; command++) {
			/* What no primary says is a script's name, a number, or what came of
			 * it. */
			if (!(command == CONFIRM && !strcmp(garbage[i], "$0\r\n\r\n")))
				survive(command, garbage[i]);
		}
	}
	store_begin(ONE);
}

/* The other connection is only an errand of the first. */
static void garbage_as_calls(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
		store_begin(ONE);
		servers[0].says[SUBSCRIBE] = garbage[i];
		pass(3000);
		assert_int_equal(host.stage, FLEET_MEMBER);
		assert_false(state_now().hears);
		assert_int_equal(state_now().broken, 0);
		assert_true(servers[0].heard[SUBSCRIBE] >= 2);
		assert_true(servers[0].heard[SUBSCRIBE] <= 40);
		servers[0].says[SUBSCRIBE] = NULL;
		pass(2200);
		assert_true(state_now().hears);
		store_free(store);
		store = NULL;
		fleet_host_free(&host);
		server_hang_up(&servers[0]);
		servers[0].heard[SUBSCRIBE] = 0;
	}
	store_begin(ONE);
}

static void what_was_not_asked_for_breaks_it(void **state)
{
	(void)state;
	store_begin(ONE);
	settle();
	for (int i = 0; i < PEERS; i++)
		say(&servers[0].peers[i], "+OK\r\n");
	settle();
	assert_int_equal(state_now().broken, 1);
	assert_string_equal(state_now().why, "without being asked: not what a store says");
	pass(200);
	assert_int_equal(state_now().stage, STORE_READY);
}

/* Begins as `text`, and goes on with `more` until the client has had enough, which is after
 * less than a megabyte. */
static void drown(const char *text, const char *more)
{
	static char flood[65536];
	size_t length = strlen(more), sent = 0;
	struct peer *peer = &servers[0].peers[0];

	for (size_t i = 0; i + length <= sizeof(flood); i += length)
		memcpy(flood + i, more, length);
	store_begin(ONE);
	servers[0].says[ROLE] = text;
	servers[0].says[LOAD] = "";
	settle();
	while (!state_now().failed && sent < 32 << 20) {
		ssize_t done = send(peer->fd, flood, sizeof(flood) / length * length,
				    MSG_NOSIGNAL | MSG_DONTWAIT);

		sent += done > 0 ? done : 0;
		turn();
		assert_true(store->main.reader.reader->len < 512 << 10);
	}
	assert_int_equal(state_now().failed, 1);
	assert_true(sent < 8 << 20); /* most of it is in the socket */
	assert_string_equal(state_now().why, "what it says is no reply, or too large");
	store_free(store);
	store = NULL;
	fleet_host_free(&host);
	server_hang_up(&servers[0]);
}

static void a_flood_is_not_kept(void **state)
{
	(void)state;
	drown("$1000000000\r\n", "x");
	drown("*3\r\n$900000\r\n", "x");
	drown("+", "x");
	drown("*4000\r\n",
	      "$100\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	      "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n");
	drown("*4000\r\n", "*4000\r\n");
	drown("*2\r\n*4096\r\n", ":1\r\n");
	store_begin(ONE);
}

/* The longest answer that there is: all members, and all users. */
static void a_long_answer_is_read(void **state)
{
	static char text[200000];
	const struct store_reply *got;
	struct store_reader reader;
	char *to = text + sprintf(text, "*%d\r\n", FLEET_FIXED + 2 * FLEET_PEERS);

	(void)state;
	for (int i = 0; i < FLEET_FIXED + 2 * FLEET_PEERS; i++)
		to = put_text(to, "1234567890123456");
	assert_int_equal(store_reader_open(&reader), 0);
	for (const char *at = text; at < to; at += 1000) {
		assert_int_equal(store_reader_next(&reader, &got), 0);
		store_reader_feed(&reader, at, to - at < 1000 ? to - at : 1000);
	}
	assert_int_equal(store_reader_next(&reader, &got), 1);
	assert_int_equal(got->count, 1 + FLEET_FIXED + 2 * FLEET_PEERS);
	assert_memory_equal(got->parts[2055].word.text, "1234567890123456", 16);
	assert_int_equal(store_reader_next(&reader, &got), 0);
	store_reader_close(&reader);
	store_begin(ONE);
}

static void hostile_sentinels(void **state)
{
	static const char *const says[] = {
		"*-1\r\n",
		"*2\r\n$1\r\na\r\n",
		"*2\r\n$3\r\na b\r\n$4\r\n6379\r\n",
		"*2\r\n$6\r\n../a\x1b[\r\n$4\r\n6379\r\n",
		"*2\r\n$3\r\na\0b\r\n$4\r\n6379\r\n",
		"*2\r\n$0\r\n\r\n$4\r\n6379\r\n",
		"*2\r\n$9\r\n127.0.0.1\r\n$1\r\n0\r\n",
		"*2\r\n$9\r\n127.0.0.1\r\n$5\r\n65536\r\n",
		"*2\r\n$9\r\n127.0.0.1\r\n$2\r\n-1\r\n",
		"*2\r\n$9\r\n127.0.0.1\r\n$9\r\n000000001\r\n",
		"*2\r\n$9\r\n127.0.0.1\r\n:1\r\n",
		"*3\r\n$9\r\n127.0.0.1\r\n$1\r\n1\r\n$1\r\n1\r\n",
		"$1\r\na\r\n",
	};

	(void)state;
	store_begin("sentinel://127.0.0.1:%u/front");
	for (size_t i = 0; i < sizeof(says) / sizeof(says[0]); i++) {
		__u64 failed = state_now().failed;

		servers[0].says[PRIMARY] = says[i];
		pass(4500);
		assert_true(state_now().failed > failed);
		assert_int_equal(state_now().found, 0);
	}
	servers[0].says[PRIMARY] = "*2\r\n$9\r\n127.0.0.1\r\n$1\r\n1\r\n";
	servers[0].says[REPLICAS] = "*64\r\n";
	for (int i = 0; i < 2; i++) {
		pass(2500);
		assert_int_equal(host.settings.acks, 0);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_begin, fake_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(garbage_breaks_the_connection),
		TEST(garbage_as_calls),
		TEST(what_was_not_asked_for_breaks_it),
		TEST(a_flood_is_not_kept),
		TEST(a_long_answer_is_read),
		TEST(hostile_sentinels),
	};

	return cmocka_run_group_tests_name("store_hostile", tests, NULL, NULL);
}
