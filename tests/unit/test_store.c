// SPDX-License-Identifier: GPL-2.0-only
/* The store's client with servers that do as they should: who is found, when, and what is said.
 */
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#include "fake_store.h"

#define ONE "valkey://127.0.0.1:%u"
#define TWO "valkey://127.0.0.1:%u,127.0.0.1:%u"

static void joins_and_is_called(void **state)
{
	(void)state;
	store_begin("valkey://me:secret@127.0.0.1:%u");
	assert_int_equal(state_now().stage, STORE_SEEKS);
	settle();
	assert_int_equal(host.stage, FLEET_MEMBER);
	assert_int_equal(deadline, now + LEASE);
	assert_string_equal(servers[0].asked[AUTH], "AUTH me secret");
	assert_string_equal(channel, "fleet:calls:0000000000001234");
	assert_int_equal(servers[0].heard[WAIT] + servers[0].heard[CONFIRM], 0);
	assert_int_equal(state_now().stage, STORE_READY);
	assert_true(state_now().hears);
	assert_int_equal(state_now().servers, 1);

	/* One message a second, but for those that are called for. */
	servers[0].heard[EXCHANGE] = 0;
	pass(950);
	assert_int_equal(servers[0].heard[EXCHANGE], 0);
	for (int i = 0; i < PEERS; i++)
		say(&servers[0].peers[i],
		    i == 1 ? "*3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$0\r\n\r\n" : "");
	settle();
	assert_int_equal(servers[0].heard[EXCHANGE], 1);
	fleet_want(&host, &keys[0], 5, 3, now);
	settle();
	assert_int_equal(servers[0].heard[EXCHANGE], 2);
	assert_int_equal(units[0], 3);
}

static void leaves(void **state)
{
	(void)state;
	store_begin(ONE);
	settle();
	fleet_leave(&host);
	assert_false(store_has_left(store));
	servers[0].says[EXCHANGE] = "*7\r\n$4\r\nleft\r\n$1\r\n3\r\n$13\r\n" EPOCH
				    "\r\n$1\r\n0\r\n$1\r\n0\r\n$0\r\n\r\n$0\r\n\r\n";
	settle();
	assert_true(store_has_left(store));
}

static void bytes_may_come_alone(void **state)
{
	(void)state;
	cut = true;
	store_begin(TWO);
	settle();
	assert_int_equal(host.stage, FLEET_MEMBER);
	assert_true(state_now().hears);
	assert_int_equal(state_now().broken, 0);
}

static void an_answer_counts_when_replicas_have_it(void **state)
{
	(void)state;
	store_begin(TWO);
	assert_int_equal(host.settings.acks, 1);
	servers[0].says[WAIT] = ":0\r\n";
	settle();
	assert_int_equal(host.stage, FLEET_OUT);
	assert_int_equal(host.counters.unconfirmed, 1);
	assert_string_equal(servers[0].asked[WAIT], "WAIT 1 1500");
	assert_non_null(strstr(state_now().why, "0 of 1 replicas"));
	/* The other one is asked, who is another primary. */
	pass(400);
	assert_int_equal(host.stage, FLEET_MEMBER);
	assert_int_equal(servers[0].heard[EXCHANGE], 1);
	assert_true(servers[1].heard[EXCHANGE] >= 2);

	servers[0].says[WAIT] = NULL;
	servers[0].says[CONFIRM] = servers[1].says[CONFIRM] = "$6\r\nab.3.0\r\n";
	pass(1000);
	assert_true(host.counters.unconfirmed > 1);
	assert_non_null(strstr(state_now().why, "had just come"));
}

static void only_a_primary_with_replicas_will_do(void **state)
{
	(void)state;
	how.servers = 3;
	store_begin("valkey://127.0.0.1:%u,127.0.0.1:%u,127.0.0.1:%u");
	servers[0].says[ROLE] = REPLICA;
	servers[1].says[ROLE] = LONELY;
	servers[2].says[ROLE] = "*2\r\n$8\r\nsentinel\r\n*0\r\n";
	settle();
	assert_int_equal(state_now().stage, STORE_AWAY);
	assert_int_equal(state_now().failed, 1);
	pass(3000);
	assert_int_equal(host.counters.messages, 0);
	assert_true(state_now().failed > 2);
	servers[1].says[ROLE] = NULL;
	pass(2000);
	assert_int_equal(host.stage, FLEET_MEMBER);
	assert_true(servers[1].heard[EXCHANGE] >= 2);
}

static void pauses_grow(void **state)
{
	__u64 last = 0, pause, before = 0;

	(void)state;
	store_begin(ONE);
	servers[0].says[ROLE] = "-LOADING not yet\r\n";
	last = now;
	for (int i = 0; i < 9; i++) {
		unsigned int accepted = servers[0].accepted;

		for (int j = 0; j < 300 && servers[0].accepted == accepted; j++) {
			now += 10 * NS_PER_MS;
			settle();
		}
		pause = now - last;
		last = now;
		assert_true(pause <= 2020 * NS_PER_MS);
		if (i > 2 && i < 7)
			assert_true(pause * 3 > before);
		before = pause;
	}
	assert_true(before >= NS_PER_SECOND);
	assert_string_equal(state_now().why, "ROLE: LOADING not yet");
	servers[0].says[ROLE] = NULL;
	pass(2000);
	assert_int_equal(host.stage, FLEET_MEMBER);
	/* And are short again. */
	server_hang_up(&servers[0]);
	pass(100);
	assert_int_equal(state_now().stage, STORE_READY);
	assert_int_equal(state_now().found, 2);
}

static void silence_ends_a_connection(void **state)
{
	(void)state;
	store_begin(TWO);
	servers[0].mute = true;
	settle();
	pass(1950);
	assert_int_equal(servers[1].accepted, 0);
	pass(100);
	assert_int_equal(host.stage, FLEET_MEMBER);
	assert_string_equal(state_now().why, "no answer for 2000 ms");
	/* And while a message is under way. */
	servers[0].mute = false;
	servers[1].mute = true;
	fleet_want(&host, &keys[0], 5, 3, now);
	pass(2200);
	assert_int_equal(state_now().broken, 1);
	fleet_want(&host, &keys[0], 5, 3, now);
	settle();
	assert_int_equal(units[0], 3);
}

/* Long before its answer would not be waited for any more. */
static void what_was_cut_off_is_said_again(void **state)
{
	(void)state;
	store_begin(ONE);
	settle();
	servers[0].says[EXCHANGE] = "";
	fleet_want(&host, &keys[0], 5, 3, now);
	settle();
	assert_true(host.flying);
	servers[0].says[EXCHANGE] = NULL;
	server_hang_up(&servers[0]);
	pass(300);
	assert_int_equal(units[0], 3);
}

static void scripts_are_loaded_again(void **state)
{
	(void)state;
	for (int acks = 0; acks < 2; acks++) {
		how.servers = 1 + acks;
		store_begin(ONE);
		settle();
		servers[0].says[acks ? CONFIRM : EXCHANGE] =
			"-NOSCRIPT No matching script.\r\n";
		fleet_want(&host, &keys[0], 5, 3, now);
		settle();
		assert_int_equal(units[0], 0);
		servers[0].says[acks ? CONFIRM : EXCHANGE] = NULL;
		assert_int_equal(servers[0].heard[LOAD], 4 + 4 * acks);
		pass(200);
		assert_int_equal(units[0], 3);
		assert_int_equal(state_now().broken, 0);
		store_free(store);
		fleet_host_free(&host);
		server_hang_up(&servers[0]);
	}
	store_begin(ONE);
}

static void calls_are_heard_again(void **state)
{
	unsigned int accepted;

	(void)state;
	store_begin(ONE);
	settle();
	accepted = servers[0].accepted;
	peer_end(&servers[0].peers[1]);
	pass(100);
	assert_true(state_now().hears);
	assert_int_equal(servers[0].accepted, accepted + 1);
	assert_int_equal(state_now().broken, 0);
	/* With the main one the other ends: the server may be another. */
	peer_end(&servers[0].peers[0]);
	pass(200);
	assert_true(state_now().hears);
	assert_int_equal(servers[0].accepted, accepted + 3);
	accepted += 2;
	/* Who says nothing is asked, and left if that is no use. */
	pass(5100);
	assert_int_equal(servers[0].heard[PING], 1);
	servers[0].says[PING] = "";
	pass(7200);
	assert_int_equal(servers[0].heard[PING], 2);
	assert_int_equal(servers[0].accepted, accepted + 2);
	assert_true(state_now().hears);
	/* And the calls are those for the id that the host has now. */
	host.id++;
	settle();
	assert_string_equal(channel, "fleet:calls:0000000000001235");
}

static char named[128];

static void sentinels_say(int server, const char *host_name)
{
	char port[8], *to = named + sprintf(named, "*2\r\n");

	to = put_text(to, host_name);
	sprintf(port, "%u", servers[server].port);
	put_text(to, port);
	servers[0].says[PRIMARY] = servers[1].says[PRIMARY] = named;
}

static void sentinels_are_asked(void **state)
{
	(void)state;
	how.sentinel_password = "watch";
	store_begin("sentinel://me:pw@127.0.0.1:%u,127.0.0.1:%u/front");
	sentinels_say(2, "127.0.0.1");
	servers[0].says[PRIMARY] = "*-1\r\n"; /* knows none */
	settle();
	assert_int_equal(host.stage, FLEET_MEMBER);
	assert_int_equal(servers[0].accepted, 1);
	assert_int_equal(servers[1].accepted, 1);
	assert_int_equal(servers[2].accepted, 2);
	/* One replica and the primary. */
	assert_int_equal(state_now().servers, 2);
	assert_int_equal(host.settings.acks, 1);

	/* More count, fewer do not; each break asks again. */
	servers[1].says[REPLICAS] = "*3\r\n$1\r\na\r\n$1\r\nb\r\n*0\r\n";
	server_hang_up(&servers[2]);
	pass(100);
	assert_int_equal(state_now().servers, 4);
	assert_int_equal(host.settings.acks, 2);
	servers[0].says[REPLICAS] = servers[1].says[REPLICAS] = "*0\r\n";
	pass(2000);
	assert_int_equal(host.settings.acks, 2);
	assert_int_equal(state_now().servers, 4);
}

static void sentinels_do_not_count_for_the_configuration(void **state)
{
	(void)state;
	how.servers = 2;
	store_begin("sentinel://127.0.0.1:%u/front");
	sentinels_say(2, "127.0.0.1");
	servers[0].says[REPLICAS] = "*3\r\n$1\r\na\r\n$1\r\nb\r\n*0\r\n";
	settle();
	assert_int_equal(host.stage, FLEET_MEMBER);
	assert_int_equal(host.settings.acks, 1);
	assert_int_equal(state_now().servers, 2);
}

static void sentinels_are_told_their_own_password(void **state)
{
	(void)state;
	how.sentinel_user = "watcher";
	how.sentinel_password = "watch";
	store_begin("sentinel://me:pw@127.0.0.1:%u/front");
	sentinels_say(2, "127.0.0.1");
	servers[0].says[AUTH] = "-WRONGPASS no\r\n";
	settle();
	assert_string_equal(servers[0].asked[AUTH], "AUTH watcher watch");
	assert_string_equal(servers[0].asked[PRIMARY],
			    "SENTINEL GET-MASTER-ADDR-BY-NAME front");
	assert_int_equal(servers[2].accepted, 0);
	assert_string_equal(state_now().why, "AUTH: WRONGPASS no");
	servers[0].says[AUTH] = NULL;
	pass(200);
	assert_int_equal(host.stage, FLEET_MEMBER);
	assert_string_equal(servers[2].asked[AUTH], "AUTH me pw");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_begin, fake_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(joins_and_is_called),
		TEST(leaves),
		TEST(bytes_may_come_alone),
		TEST(an_answer_counts_when_replicas_have_it),
		TEST(only_a_primary_with_replicas_will_do),
		TEST(pauses_grow),
		TEST(silence_ends_a_connection),
		TEST(what_was_cut_off_is_said_again),
		TEST(scripts_are_loaded_again),
		TEST(calls_are_heard_again),
		TEST(sentinels_are_asked),
		TEST(sentinels_do_not_count_for_the_configuration),
		TEST(sentinels_are_told_their_own_password),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
