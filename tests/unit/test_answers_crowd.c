// SPDX-License-Identifier: GPL-2.0-only
/* Who is being answered, and who makes room for another. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "user/answer/crowd.h"

static struct crowd crowd;

static struct client client(const char *text)
{
	struct sockaddr_storage address = {.ss_family = AF_INET6};

	if (inet_pton(AF_INET6, text, &((struct sockaddr_in6 *)&address)->sin6_addr) == 1)
		return client_of(&address);
	address.ss_family = AF_INET;
	assert_int_equal(inet_pton(AF_INET, text, &((struct sockaddr_in *)&address)->sin_addr),
			 1);
	return client_of(&address);
}

static bool same(const char *a, const char *b)
{
	struct client one = client(a), other = client(b);

	return !memcmp(&one, &other, sizeof(one));
}

static struct connection *come(const char *text)
{
	static int fd;
	struct client who = client(text);

	fd++;
	return crowd_add(&crowd, fd, &who, fd);
}

static struct connection *room_for(const char *text)
{
	struct client who = client(text);

	return crowd_makes_room(&crowd, &who);
}

static void test_clients(void **state)
{
	(void)state;
	assert_true(same("192.0.2.1", "192.0.2.1"));
	assert_true(same("192.0.2.1", "::ffff:192.0.2.1"));
	assert_false(same("192.0.2.1", "192.0.2.2"));
	assert_true(same("2001:db8::1", "2001:db8::2"));
	assert_false(same("2001:db8::1", "2001:db8:0:1::1"));
}

static void test_room(void **state)
{
	struct connection *a1, *a2, *b1, *b2, *b3;

	(void)state;
	crowd_init(&crowd);
	assert_null(room_for("192.0.2.1"));
	a1 = come("192.0.2.1");
	a2 = come("192.0.2.1");
	b1 = come("192.0.2.2");
	b2 = come("192.0.2.2");
	/* As many of each: the oldest; else of the one with more, the newcomer counted. */
	assert_ptr_equal(room_for("192.0.2.3"), a1);
	assert_ptr_equal(room_for("192.0.2.2"), b1);
	assert_ptr_equal(room_for("192.0.2.1"), a1);
	b3 = come("192.0.2.2");
	assert_ptr_equal(room_for("192.0.2.3"), b1);
	crowd_remove(&crowd, b1);
	crowd_remove(&crowd, b2);
	assert_ptr_equal(room_for("192.0.2.3"), a1);
	/* Who has been answered goes first. */
	b3->leaving = true;
	assert_ptr_equal(room_for("192.0.2.1"), b3);
	crowd_remove(&crowd, a1);
	crowd_remove(&crowd, a2);
	crowd_remove(&crowd, b3);
	assert_int_equal(crowd.count, 0);
	assert_null(crowd.oldest);
	assert_null(crowd.newest);
	assert_null(crowd.looking);
}

static void test_looking(void **state)
{
	struct connection *one, *two, *three;

	(void)state;
	crowd_init(&crowd);
	one = come("192.0.2.1");
	two = come("192.0.2.1");
	three = come("192.0.2.1");
	assert_ptr_equal(crowd.looking, one);
	crowd_remove(&crowd, one);
	assert_ptr_equal(crowd.looking, two);
	crowd.looking = three; /* the time of the second is up */
	crowd_remove(&crowd, two);
	assert_ptr_equal(crowd.looking, three);
	crowd_remove(&crowd, three);
	assert_null(crowd.looking);
	one = come("192.0.2.1");
	assert_ptr_equal(crowd.looking, one);
}

/* Its lists and counts, after whatever came and went. */
static void check(void)
{
	unsigned int has[ANSWERS_MAX] = {}, count = 0;
	struct connection *before = NULL;

	for (struct connection *c = crowd.oldest; c; before = c, c = c->newer, count++) {
		assert_ptr_equal(c->older, before);
		assert_true(!before || before->since_ns < c->since_ns);
		has[c->client]++;
	}
	assert_ptr_equal(crowd.newest, before);
	assert_int_equal(crowd.count, count);
	for (unsigned int i = 0; i < ANSWERS_MAX; i++)
		assert_int_equal(crowd.has[i], i < crowd.clients_used ? has[i] : 0);
}

static void test_storm(void **state)
{
	static struct connection *there[ANSWERS_MAX];
	unsigned int count = 0;
	char text[32];

	(void)state;
	srand(7);
	crowd_init(&crowd);
	for (int round = 0; round < 20000; round++) {
		bool comes = rand() % 100 < (round / 2000 % 2 ? 40 : 60);

		snprintf(text, sizeof(text), "10.0.%d.%d", rand() % 8, rand() % 256);
		if (comes && count == ANSWERS_MAX) {
			assert_null(come(text));
		} else if (comes) {
			there[count++] = come(text);
			assert_non_null(there[count - 1]);
		} else if (count) {
			unsigned int gone = rand() % count;

			crowd_remove(&crowd, there[gone]);
			there[gone] = there[--count];
		}
		if (!(round % 100))
			check();
	}
	while (count)
		crowd_remove(&crowd, there[--count]);
	check();
}

/* A thousand clients of one connection each: every place is taken, and given again. */
static void test_full(void **state)
{
	char text[32];

	(void)state;
	crowd_init(&crowd);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < ANSWERS_MAX; i++) {
			snprintf(text, sizeof(text), "10.%d.%d.%d", round, i / 256, i % 256);
			assert_non_null(come(text));
		}
		assert_null(come("192.0.2.1"));
		assert_ptr_equal(room_for("192.0.2.1"), crowd.oldest);
		check();
		while (crowd.newest)
			crowd_remove(&crowd, crowd.newest);
		check();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clients), cmocka_unit_test(test_room),
		cmocka_unit_test(test_looking), cmocka_unit_test(test_storm),
		cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
