// SPDX-License-Identifier: GPL-2.0-only
/* Which sessions meet which conditions. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "user/cmd/conditions.h"
#include "user/sessions/stale.h"

#define SECOND 1000000000ull
#define NOW    (1000 * SECOND)

static struct hc_socket socket_row = {.id = 77};
static struct session_row row = {77, &socket_row.session, &socket_row};
static struct session_filter filter;

static int set_up(void **state)
{
	struct hc_session *session = &socket_row.session;

	(void)state;
	filter = (struct session_filter){.service = -1};
	*session = (struct hc_session){.opened_ns = NOW - 60 * SECOND};
	session->user = (struct hc_user_key){.service = 2, .kind = HC_BY_CLIENT, .prefix = 128};
	inet_pton(AF_INET6, "::ffff:10.1.2.3", session->ends.remote);
	memcpy(session->user.id, session->ends.remote, 16);
	socket_row.idle.ticks = 0;
	socket_row.idle.ms = HC_NEVER;
	socket_row.peer = (struct hc_peer){};
	socket_row.orphan = false;
	row.socket = &socket_row;
	return 0;
}

static bool meets(void)
{
	return session_matches(&filter, &row, NOW);
}

static void none(void **state)
{
	(void)state;
	assert_false(session_filter_chooses(&filter));
	assert_true(meets());
}

static void service(void **state)
{
	(void)state;
	filter.service = 2;
	assert_true(session_filter_chooses(&filter));
	assert_true(meets());
	filter.service = 0;
	assert_true(session_filter_chooses(&filter));
	assert_false(meets());
}

static void user(void **state)
{
	(void)state;
	filter.user = "10.1.2.3";
	assert_true(session_filter_chooses(&filter));
	assert_true(meets());
	filter.user = "10.1.2.30";
	assert_false(meets());
	socket_row.session.user = (struct hc_user_key){.kind = HC_BY_UID};
	filter.user = "root";
	assert_true(meets());
	filter.user = "0";
	assert_true(meets());
	filter.user = "";
	assert_true(session_filter_chooses(&filter));
	assert_false(meets());
}

/* However an address is written, and whoever of a prefix it is. */
static void user_of_services(void **state)
{
	static struct policy policy;
	static const struct {
		const char *text;
		bool meets;
	} rows[] = {
		{"2001:db8:0:5::7", true},   {"2001:0db8:0:5::/64", true},
		{"2001:db8:0:5::/64", true}, {"2001:db8:0:6::7", false},
		{"10.1.2.3", false},         {"cgroup:77", false},
	};

	(void)state;
	policy.services[2] = (struct hc_service){
		.name = "imap",
		.used = true,
		.identify = HC_BY_CLIENT,
		.prefix4 = 32,
		.prefix6 = 64,
	};
	inet_pton(AF_INET6, "2001:db8:0:5::", socket_row.session.user.id);
	socket_row.session.user.prefix = 64;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		filter = (struct session_filter){.service = -1, .user = rows[i].text};
		assert_int_equal(session_filter_user(&filter, &policy, SESSION_USER_HAS), 0);
		assert_int_equal(meets(), rows[i].meets);
		socket_row.session.user.elsewhere = 1;
		assert_int_equal(meets(), rows[i].meets);
		socket_row.session.user.elsewhere = 0;
	}
	filter = (struct session_filter){.service = -1, .user = "nosuch"};
	assert_int_not_equal(session_filter_user(&filter, &policy, SESSION_USER_HAS), 0);
	filter = (struct session_filter){.service = -1, .user = "2001:db8:0:5::7"};
	assert_int_not_equal(session_filter_user(&filter, &policy, SESSION_USER_AGREED), 0);
	assert_false(meets());
	filter.user = "2001:db8:0:5::/64";
	assert_int_equal(session_filter_user(&filter, &policy, SESSION_USER_AGREED), 0);
	assert_true(meets());
	/* In one service he is a part of a user, in another he is one. */
	policy.services[3] = policy.services[2];
	strcpy(policy.services[3].name, "pop");
	policy.services[3].prefix6 = 128;
	filter = (struct session_filter){.service = -1, .user = "2001:db8:0:5::7"};
	assert_int_not_equal(session_filter_user(&filter, &policy, SESSION_USER_AGREED), 0);
	assert_int_equal(session_filter_user(&filter, &policy, SESSION_USER_HAS), 0);
	assert_true(filter.known[2] && filter.known[3]);
	assert_int_equal(session_filter_user(&filter, &policy, SESSION_USER_IS), 0);
	assert_true(!filter.known[2] && filter.known[3]);
	filter = (struct session_filter){.service = 3, .user = "2001:db8:0:5::7"};
	assert_int_equal(session_filter_user(&filter, &policy, SESSION_USER_AGREED), 0);
	filter = (struct session_filter){.service = 2, .user = "2001:db8::/32"};
	assert_int_not_equal(session_filter_user(&filter, &policy, SESSION_USER_HAS), 0);
}

static bool meets_remote(const char *address, unsigned int bits)
{
	filter.by_remote = true;
	filter.remote_bits = bits;
	inet_pton(AF_INET6, address, filter.remote);
	assert_true(session_filter_chooses(&filter));
	return meets();
}

static void remote(void **state)
{
	(void)state;
	assert_true(meets_remote("::ffff:10.1.2.3", 128));
	assert_true(meets_remote("::ffff:10.1.2.2", 127));
	assert_true(meets_remote("::ffff:0.0.0.0", 96));
	assert_false(meets_remote("::ffff:10.1.2.2", 128));
	assert_false(meets_remote("::ffff:10.1.2.0", 127));
	assert_false(meets_remote("::", 0));
	inet_pton(AF_INET6, "2001:db8::7", socket_row.session.ends.remote);
	assert_true(meets_remote("::", 0));
	assert_true(meets_remote("2001:db8::", 32));
	assert_false(meets_remote("2001:db9::", 32));
	assert_false(meets_remote("::ffff:0.0.0.0", 96));
}

static void age(void **state)
{
	(void)state;
	filter.age_ms = 60000;
	assert_true(session_filter_chooses(&filter));
	assert_true(meets());
	filter.age_ms = 60001;
	assert_false(meets());
	socket_row.session.opened_ns = NOW + 1; /* just now, on another CPU */
	filter.age_ms = 1000;
	assert_false(meets());
}

static void idle(void **state)
{
	(void)state;
	filter.idle_ms = 1000;
	assert_true(session_filter_chooses(&filter));
	assert_false(meets());
	socket_row.idle.ticks = 1000; /* at HZ = 1000 a second, else more */
	assert_true(meets());
	socket_row.idle.ms = 999; /* something was sent, and sent again */
	assert_false(meets());
	socket_row.idle.ms = 1000;
	assert_true(meets());
	row.socket = NULL; /* nobody knows */
	assert_false(meets());
}

static void unheard(void **state)
{
	(void)state;
	filter.unheard_ms = 1000;
	assert_true(session_filter_chooses(&filter));
	assert_false(meets());
	socket_row.peer.heard_ticks = 1000;
	assert_true(meets());
	socket_row.peer.heard_ticks = HC_NEVER; /* a handshake */
	assert_false(meets());
	row.socket = NULL;
	assert_false(meets());
}

static void state_of_socket(void **state)
{
	(void)state;
	filter.states = 1u << 8 | 1u << 1;
	assert_true(session_filter_chooses(&filter));
	socket_row.state = 1;
	assert_true(meets());
	socket_row.state = 4;
	assert_false(meets());
	socket_row.state = 8;
	assert_true(meets());
	row.socket = NULL;
	assert_false(meets());
}

static void orphan(void **state)
{
	(void)state;
	filter.orphan = true;
	assert_true(session_filter_chooses(&filter));
	assert_false(meets());
	socket_row.orphan = true;
	assert_true(meets());
	row.socket = NULL;
	assert_false(meets());
}

static void stale(void **state)
{
	struct hc_peer *peer = &socket_row.peer;

	(void)state;
	filter.stale = true;
	assert_true(session_filter_chooses(&filter));
	assert_false(meets());
	socket_row.state = TCP_ESTABLISHED;
	socket_row.idle.ms = STALE_MS;
	socket_row.idle.ticks = peer->heard_ticks =
		STALE_MS; /* or longer, by the kernel's HZ */
	peer->unanswered = STALE_UNANSWERED;
	assert_true(meets());
	peer->unanswered--; /* an everyday loss */
	assert_false(meets());
	peer->unanswered++;
	peer->heard_ticks = 0; /* it answers, its window closed */
	assert_false(meets());
	peer->heard_ticks = HC_NEVER;
	assert_false(meets());
	peer->heard_ticks = STALE_MS;
	socket_row.idle.ms = STALE_MS - 1; /* what is unanswered was sent just now */
	assert_false(meets());
	socket_row.idle.ms = STALE_MS;
	socket_row.mptcp = true;
	assert_false(meets());
	socket_row.mptcp = false;
	socket_row.state = TCP_SYN_SENT;
	assert_false(meets());
	socket_row.state = TCP_FIN_WAIT1;
	assert_true(meets());
	row.socket = NULL;
	assert_false(meets());
}

static void state_names(void **state)
{
	static const struct {
		const char *text;
		__u32 bits;
	} rows[] = {
		{"ESTAB", 1u << 1},
		{"established", 1u << 1},
		{"close-wait", 1u << 8},
		{"FIN-WAIT-1,Fin-Wait-2", 1u << 4 | 1u << 5},
		{"syn-sent", 1u << 2},
		{"LAST-ACK,CLOSING,SYN-RECV", 1u << 9 | 1u << 11 | 1u << 3},
		{"", 0},
		{"ESTAB,", 0},
		{"TIME-WAIT", 0},
		{"LISTEN", 0},
		{"ESTABL", 0},
		{"UNCONN", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct session_conditions conditions = {.states = rows[i].text};

		if (!rows[i].bits) {
			assert_int_not_equal(session_conditions_parse(&conditions, "x"), 0);
		} else {
			assert_int_equal(session_conditions_parse(&conditions, "x"), 0);
			assert_int_equal(conditions.filter.states, rows[i].bits);
		}
		session_conditions_free(&conditions);
	}
}

static void ids(void **state)
{
	__u64 numbers[] = {99, 1, 77, 5};

	(void)state;
	session_filter_ids(&filter, numbers, 4);
	assert_true(session_filter_chooses(&filter));
	assert_true(meets());
	session_filter_ids(&filter, numbers, 2);
	assert_false(meets());
}

static void all_must_hold(void **state)
{
	__u64 id = 77;

	(void)state;
	session_filter_ids(&filter, &id, 1);
	filter.service = 2;
	filter.user = "10.1.2.3";
	filter.age_ms = 1000;
	assert_true(meets_remote("::ffff:10.1.0.0", 112));
	filter.service = 3;
	assert_false(meets());
	filter.service = 2;
	filter.age_ms = 3600000;
	assert_false(meets());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(none, set_up),
		cmocka_unit_test_setup(service, set_up),
		cmocka_unit_test_setup(user, set_up),
		cmocka_unit_test_setup(user_of_services, set_up),
		cmocka_unit_test_setup(remote, set_up),
		cmocka_unit_test_setup(age, set_up),
		cmocka_unit_test_setup(idle, set_up),
		cmocka_unit_test_setup(unheard, set_up),
		cmocka_unit_test_setup(state_of_socket, set_up),
		cmocka_unit_test_setup(orphan, set_up),
		cmocka_unit_test_setup(stale, set_up),
		cmocka_unit_test(state_names),
		cmocka_unit_test_setup(ids, set_up),
		cmocka_unit_test_setup(all_must_hold, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
