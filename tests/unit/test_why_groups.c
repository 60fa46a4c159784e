// SPDX-License-Identifier: GPL-2.0-only
/* What `why` finds in sessions together: clients that came back, programs and addresses that
 * many share; and not in others that are like them. */
#include "why_facts.h"

/* Eight that are silent since a drop five minutes ago, and four of a minute later. */
static void returns(void **state)
{
	(void)state;
	add_many(8, HOUR, 5 * MINUTE);
	for (int i = 0; i < 4; i++)
		add(4 * MINUTE - 1000 * i, 1000);
	sessions[0].stale = sessions[1].stale = true;
	find();
	only(WHY_RECONNECTS, WHY_DEAD_PEERS);
	says(WHY_RECONNECTS,
	     "192.0.2.7 came back 1 time, the last 4m00s ago with 4 sessions within "
	     "seconds; nothing was heard of its 8 older ones since before that, for 5m00s or "
	     "more (2 stale): as "
	     "after a lost connection");
	assert_int_equal(report.classes[WHY_SUPERSEDED], 6);
	assert_int_equal(report.classes[WHY_STALE], 2);
	assert_int_equal(report.classes[WHY_IN_USE], 4);
	offers("headcount kill --service imap --user 192.0.2.7 --stale");
	offers("headcount kill --service imap --user 192.0.2.7 --remote 192.0.2.7 --unheard "
	       "300s");
	assert_int_equal(advice.count, 3); /* and keepalive, once */
	for (int i = 0; i < 8; i++)
		sessions[i].stale = true; /* what --stale closes needs no other offer */
	find();
	assert_int_equal(advice.count, 2);
}

/* What looks alike and is none: in the way that makes it another situation. */
static void no_returns(void **state)
{
	(void)state;
	add_many(8, HOUR, 5 * MINUTE);
	add_many(4, 4 * MINUTE, 1000);
	find();
	assert_non_null(found(WHY_RECONNECTS));
	sessions[3].heard_ms = 3 * MINUTE; /* one answers: its connection is there */
	find();
	assert_null(found(WHY_RECONNECTS));
	sessions[3].heard_ms = 5 * MINUTE;
	for (int i = 0; i < 12; i++)
		sessions[i].inbound = false;
	find();
	assert_null(found(WHY_RECONNECTS));
	for (int i = 0; i < 12; i++)
		of(&sessions[i], i < 8 ? 7 : 8)->inbound = true; /* another client's */
	find();
	assert_null(found(WHY_RECONNECTS));
	for (int i = 0; i < 12; i++)
		of(&sessions[i], 7)->age_ms = HOUR; /* all at once */
	find();
	assert_null(found(WHY_RECONNECTS));
	facts.count = 0;
	add_many(8, HOUR, 50000);
	add_many(4, 40000, 1000); /* a short silence */
	find();
	assert_null(found(WHY_RECONNECTS));
}

/* With one at a time: once may be anything, twice is a habit. */
static void returns_alone(void **state)
{
	(void)state;
	add_many(2, 3 * HOUR, 2 * HOUR);
	add(HOUR, 30 * MINUTE);
	find();
	assert_null(found(WHY_RECONNECTS));
	add(10 * MINUTE, 1000);
	find();
	assert_int_equal(found(WHY_RECONNECTS)->rounds, 2);
	assert_int_equal(found(WHY_RECONNECTS)->count, 3);
}

static void one_program(void **state)
{
	(void)state;
	add_many(5, HOUR, 1000);
	find();
	assert_null(found(WHY_ONE_PROGRAM)); /* the server has them all */
	for (int i = 0; i < 5; i++)
		sessions[i].inbound = false;
	sessions[4].pid = 101;
	find();
	only(WHY_ONE_PROGRAM, WHY_KINDS);
	says(WHY_ONE_PROGRAM, "one process, imapd (pid 100), opened 4 of 5 sessions");
	add(HOUR, 1000)->pid = 102;
	sessions[5].inbound = false;
	find(); /* four of six */
	only(WHY_KINDS, WHY_KINDS);
	facts.count = 3;
	find();
	only(WHY_KINDS, WHY_KINDS);
}

static void many_clients(void **state)
{
	(void)state;
	for (int i = 0; i < 8; i++)
		of(add(HOUR, 1000), i / 2);
	find();
	only(WHY_MANY_CLIENTS, WHY_KINDS);
	says(WHY_MANY_CLIENTS, "4 clients share this user: the one with most, 192.0.2.0, has 2 "
			       "of 8 sessions");
	for (int i = 0; i < 5; i++)
		of(&sessions[i], 1);
	of(&sessions[5], 2);
	of(&sessions[6], 3);
	of(&sessions[7], 4);
	find(); /* one of them has most */
	only(WHY_KINDS, WHY_KINDS);
	facts.count = 6; /* three clients */
	of(&sessions[0], 2);
	of(&sessions[1], 3);
	find();
	only(WHY_KINDS, WHY_KINDS);
}

static void proxies(void **state)
{
	(void)state;
	add_many(4, HOUR, 1000);
	for (int i = 0; i < 4; i++)
		sessions[i].others = 3;
	find();
	only(WHY_KINDS, WHY_KINDS);
	for (int i = 0; i < 4; i++)
		sessions[i].others = 4;
	find();
	only(WHY_SHARED, WHY_KINDS);
	says(WHY_SHARED,
	     "192.0.2.7, with 4 of 4 sessions, also has sessions of 4 other users: a "
	     "proxy, or NAT for many");
	for (int i = 0; i < 4; i++) {
		sessions[i].others = 0;
		sessions[i].here = true;
	}
	find();
	only(WHY_THIS_HOST, WHY_KINDS);
	facts.count = 3;
	find();
	only(WHY_KINDS, WHY_KINDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(returns),     TEST(no_returns),   TEST(returns_alone),
		TEST(one_program), TEST(many_clients), TEST(proxies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
