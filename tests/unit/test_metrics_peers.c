// SPDX-License-Identifier: GPL-2.0-only
/* Whose connection goes when another comes. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "user/metrics/peers.h"

static struct metrics_peers peers;
static int there[6]; /* the other ends */

static struct metrics_peer peer_of(const char *address)
{
	struct sockaddr_in6 ip6 = {.sin6_family = AF_INET6};
	struct sockaddr_in ip4 = {.sin_family = AF_INET};

	if (inet_pton(AF_INET6, address, &ip6.sin6_addr) == 1)
		return metrics_peer_of(-1, (struct sockaddr *)&ip6);
	assert_int_equal(inet_pton(AF_INET, address, &ip4.sin_addr), 1);
	return metrics_peer_of(-1, (struct sockaddr *)&ip4);
}

static bool same(const char *a, const char *b)
{
	struct metrics_peer one = peer_of(a), other = peer_of(b);

	return !memcmp(&one, &other, sizeof(one));
}

/* Connections of these peers, one after the other; the clock is their number. */
static void come(const char *const *addresses, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct metrics_peer peer = peer_of(addresses[i]);
		int pair[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		there[i] = pair[1];
		metrics_peers_add(&peers, pair[0], &peer, i + 1);
	}
}

static void go(void)
{
	while (peers.count) {
		close(peers.items[0].fd);
		metrics_peers_remove(&peers, peers.items[0].fd);
	}
}

/* Which of them was ended: its number, or -1. */
static int ended(size_t count)
{
	char byte;
	int found = -1;

	for (size_t i = 0; i < count; i++)
		if (!recv(there[i], &byte, 1, MSG_DONTWAIT))
			found = found < 0 ? (int)i : -2;
	return found;
}

static void test_peers(void **state)
{
	(void)state;
	assert_true(same("10.0.0.1", "10.0.0.1"));
	assert_false(same("10.0.0.1", "10.0.0.2"));
	assert_true(same("2001:db8::1", "2001:db8::2"));
	assert_false(same("2001:db8::1", "2001:db8:0:1::1"));
	assert_false(same("::ffff:10.0.0.1", "::ffff:10.0.0.2"));
}

static void test_oldest_of_the_most(void **state)
{
	static const char *const addresses[] = {"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.2"};
	struct metrics_peer newcomer = peer_of("10.0.0.4");

	(void)state;
	come(addresses, 4);
	assert_true(metrics_peers_make_room(&peers, &newcomer));
	assert_int_equal(ended(4), 1);
	go();
}

static void test_newcomer_counts(void **state)
{
	static const char *const addresses[] = {"10.0.0.1", "10.0.0.2", "10.0.0.3"};
	struct metrics_peer newcomer = peer_of("10.0.0.3");

	(void)state;
	come(addresses, 3);
	assert_true(metrics_peers_make_room(&peers, &newcomer));
	assert_int_equal(ended(3), 2);
	go();
	come(addresses, 3);
	newcomer = peer_of("10.0.0.9");
	assert_true(metrics_peers_make_room(&peers, &newcomer));
	assert_int_equal(ended(3), 0);
	go();
}

static void test_each_once(void **state)
{
	static const char *const addresses[] = {"10.0.0.1", "10.0.0.1"};
	struct metrics_peer newcomer = peer_of("10.0.0.1");

	(void)state;
	come(addresses, 2);
	assert_true(metrics_peers_make_room(&peers, &newcomer));
	assert_true(metrics_peers_make_room(&peers, &newcomer));
	assert_false(metrics_peers_make_room(&peers, &newcomer));
	go();
}

static void test_overdue(void **state)
{
	static const char *const addresses[] = {"10.0.0.1", "10.0.0.2"};

	(void)state;
	come(addresses, 2);
	metrics_peers_end_before(&peers, 1);
	assert_int_equal(ended(2), -1);
	metrics_peers_end_before(&peers, 2);
	assert_int_equal(ended(2), 0);
	go();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_peers),
		cmocka_unit_test(test_oldest_of_the_most),
		cmocka_unit_test(test_newcomer_counts),
		cmocka_unit_test(test_each_once),
		cmocka_unit_test(test_overdue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
