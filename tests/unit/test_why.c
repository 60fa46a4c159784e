// SPDX-License-Identifier: GPL-2.0-only
/* What `why` finds in sessions one by one and in limits, and that it does not find it in others
 * that are like them. */
#include "why_facts.h"

static void nothing(void **state)
{
	(void)state;
	find();
	only(WHY_KINDS, WHY_KINDS);
	add_many(20, HOUR, 1000);
	find();
	only(WHY_KINDS, WHY_KINDS);
	assert_int_equal(report.classes[WHY_IN_USE], 20);
	assert_int_equal(advice.count, 0);
}

static void pressure(void **state)
{
	(void)state;
	assert_true(why_is_pressed(26, 32, WHY_UNKNOWN)); /* four fifths are 25.6 */
	assert_false(why_is_pressed(25, 32, WHY_UNKNOWN));
	assert_false(why_is_pressed(0, 0, WHY_UNKNOWN));
	assert_false(why_is_pressed(1000, HC_UNLIMITED, WHY_UNKNOWN));
	assert_true(why_is_pressed(0, HC_UNLIMITED, HOUR));
	assert_false(why_is_pressed(0, HC_UNLIMITED, HOUR + 1));
	add_many(32, HOUR, 1000);
	facts.refused = 14;
	facts.refused_ms = 3 * MINUTE;
	find();
	says(WHY_FULL, "32 of 32 slots are taken: the next attempt is refused");
	says(WHY_REFUSED, "14 attempts were refused, the last 3m00s ago");
	says(WHY_BUSY, "32 of 32 sessions had data in the last 10m00s (idle 1s): they "
		       "are in use");
	offers("headcount cap imap 192.0.2.7 48");
	offers("override = 192.0.2.7 48");
	facts.refused_ms = HOUR + 1;
	facts.active = 31;
	find();
	only(WHY_BUSY, WHY_KINDS);
	facts.service.excess = HC_OBSERVE;
	facts.refused_by_total = true;
	facts.refused_ms = 0;
	find();
	says(WHY_REFUSED,
	     "14 attempts would have been refused, the last 0s ago by the service's "
	     "total");
}

static void kept(void **state)
{
	(void)state;
	add_many(40, HOUR, 1000);
	facts.cap = 64;
	facts.from = WHY_CAP_OVERRIDE;
	find();
	only(WHY_KEPT, WHY_KINDS);
	says(WHY_KEPT, "40 sessions where the service's cap is 32: an override lets them in");
	facts.from = WHY_CAP_MOMENT;
	facts.cap = HC_UNLIMITED;
	find();
	assert_int_equal(found(WHY_KEPT)->kept, WHY_BY_MOMENT);
	facts.from = WHY_CAP_SERVICE;
	facts.cap = 32;
	find();
	assert_int_equal(found(WHY_KEPT)->kept, WHY_BY_AGE);
	facts.service.excess = HC_OBSERVE;
	find();
	says(WHY_KEPT, "40 sessions where the cap is 32: excess = observe lets them in");
	facts.active = 32;
	find();
	assert_null(found(WHY_KEPT));
	facts.cap = facts.service_cap = HC_UNLIMITED;
	find();
	assert_null(found(WHY_KEPT));
}

static void stale(void **state)
{
	struct why_session *dead;

	(void)state;
	add_many(5, HOUR, 1000);
	dead = add(HOUR, 20 * MINUTE);
	dead->unanswered = 9;
	find(); /* numbers alone are no evidence: user/sessions/stale.h */
	only(WHY_IDLERS, WHY_KINDS);
	dead->stale = true;
	find();
	only(WHY_DEAD_PEERS, WHY_KINDS);
	says(WHY_DEAD_PEERS,
	     "1 of 6 sessions are stale: up to 9 retransmissions or probes in a "
	     "row are unanswered, and the peer was heard last 20m00s "
	     "ago");
	offers("headcount kill --service imap --user 192.0.2.7 --stale");
	offers("keepalive = 60s");
	assert_int_equal(advice.count, 2);
	facts.service.keepalive = 30; /* it is set, to whatever */
	find();
	assert_int_equal(advice.count, 1);
}

static void leak(void **state)
{
	struct why_session *one, *two;

	(void)state;
	add_many(5, HOUR, 1000);
	one = add(2 * HOUR, 2 * HOUR);
	two = add(HOUR, HOUR);
	one->state = two->state = TCP_CLOSE_WAIT;
	one->half_closed_ms = HOUR;
	two->half_closed_ms = WHY_UNKNOWN; /* before headcount: its FIN was heard */
	find();
	only(WHY_LEAK, WHY_KINDS);
	says(WHY_LEAK, "imapd (pid 100) does not close 2 of 7 sessions that their peers have "
		       "closed 1h00m ago (CLOSE-WAIT, nothing left to send): it leaks "
		       "them");
	offers("headcount kill --service imap --user 192.0.2.7 --state CLOSE-WAIT --idle 60s");
	two->pid = 101;
	find();
	assert_int_equal(found(WHY_LEAK)->pid, 0);
	assert_int_equal(found(WHY_LEAK)->others, 2);
	strcpy(two->comm, "other"); /* one each: no program leaks */
	find();
	assert_null(found(WHY_LEAK));
	strcpy(two->comm, "imapd");
	two->send_queue = 1; /* it still answers */
	find();
	assert_null(found(WHY_LEAK));
	two->send_queue = 0;
	two->half_closed_ms = MINUTE - 1; /* it may be about to close */
	find();
	assert_null(found(WHY_LEAK));
	two->half_closed_ms = HOUR;
	two->idle_ms = 1000; /* it sends */
	find();
	assert_null(found(WHY_LEAK));
	two->idle_ms = HOUR;
	two->state = TCP_FIN_WAIT2; /* the program has closed, the peer has not */
	find();
	assert_null(found(WHY_LEAK));
}

static void orphans(void **state)
{
	(void)state;
	add_many(5, HOUR, 1000);
	add(HOUR, MINUTE)->orphan = true;
	find();
	only(WHY_ORPHANS, WHY_KINDS);
	offers("orphans = ignore");
	facts.service.orphans = HC_ORPHANS_IGNORE;
	find();
	assert_int_equal(advice.count, 0);
	sessions[5].stale = true;
	find();
	only(WHY_DEAD_PEERS, WHY_KINDS);
}

static void idle(void **state)
{
	(void)state;
	add_many(5, HOUR, 1000);
	add(HOUR, 10 * MINUTE - 1);
	find();
	only(WHY_KINDS, WHY_KINDS);
	add(HOUR, 10 * MINUTE);
	find();
	only(WHY_IDLERS, WHY_KINDS);
	says(WHY_IDLERS, "1 of 7 sessions had no data for 10m00s or more (10m00s); "
			 "nothing says that their peers are gone");
	offers("headcount kill --service imap --user 192.0.2.7 --idle 600s");
	sessions[6].state = 0; /* nobody can look at it */
	find();
	only(WHY_KINDS, WHY_KINDS);
}

/* Silent peers of a service that does not probe them: perhaps the cap is not too small. */
static void unasked(void **state)
{
	(void)state;
	facts.cap = 4;
	add_many(4, HOUR, 5000);
	sessions[0].idle_ms = 9000;
	find();
	says(WHY_BUSY,
	     "4 of 4 sessions had data in the last 10m00s (idle 5s to 9s): they are in "
	     "use");
	assert_int_equal(advice.count, 2); /* of the cap */
	sessions[1].heard_ms = 14000;
	find();
	assert_int_equal(advice.count, 3);
	assert_string_equal(advice.offers[0].line, "keepalive = 60s");
	sessions[1].keepalive_ms = 2 * HOUR; /* the kernel's own */
	find();
	assert_int_equal(advice.count, 3);
	sessions[1].keepalive_ms = 60000; /* its program asks them */
	find();
	assert_int_equal(advice.count, 2);
}

static void own_keepalive(void **state)
{
	(void)state;
	facts.service.keepalive = 10;
	add_many(3, HOUR, 1000);
	for (int i = 0; i < 3; i++)
		sessions[i].keepalive_ms = 4000;
	find();
	only(WHY_KINDS, WHY_KINDS);
	sessions[0].keepalive_ms = 600000;
	find();
	says(WHY_OWN_KEEPALIVE,
	     "1 of 3 sessions have not the keepalive of the service (10s), but what their "
	     "program has set: whose peer is gone is noticed after 10m00s of silence");
	sessions[1].keepalive_ms = 0;
	find();
	says(WHY_OWN_KEEPALIVE,
	     "2 of 3 sessions have not the keepalive of the service (10s), but what their "
	     "program has set: whose peer is gone is noticed after 10m00s of silence, 1 never");
	sessions[0].keepalive_ms = 0;
	find();
	says(WHY_OWN_KEEPALIVE,
	     "2 of 3 sessions have not the keepalive of the service (10s), but what their "
	     "program has set: 2 never ask their peers whether they are there");
	sessions[0].inbound = sessions[1].inbound = false;
	find();
	only(WHY_KINDS, WHY_KINDS);
	sessions[0].inbound = sessions[1].inbound = true;
	facts.service.keepalive = 0;
	find();
	only(WHY_KINDS, WHY_KINDS);
}

static void busy(void **state)
{
	(void)state;
	facts.cap = 4;
	add_many(3, HOUR, 1000);
	add(HOUR, HOUR);
	find();
	assert_non_null(found(WHY_BUSY));
	offers("headcount cap imap 192.0.2.7 6");
	sessions[2].idle_ms = HOUR;
	find();
	assert_null(found(WHY_BUSY));
	sessions[2].idle_ms = sessions[3].idle_ms = 1000;
	facts.cap = 10; /* who is not short of slots needs no more */
	find();
	only(WHY_KINDS, WHY_KINDS);
	facts.refused = 1;
	facts.refused_ms = 1000;
	find();
	only(WHY_REFUSED, WHY_KINDS);
	facts.refused_by_total = true;
	facts.service.total = 100;
	find();
	offers("total = 150");
}

static void quoting(void **state)
{
	static const struct {
		const char *user, *shown;
	} rows[] = {
		{"2001:db8:1:2::/64", "2001:db8:1:2::/64"},
		{"al ice", "'al ice'"},
		{"it's", "$'it\\x27s'"},
		{"$(reboot)", "'$(reboot)'"},
		{"a;b", "'a;b'"},
		{"", "''"},
		{"J\xc3\xb6rg", "$'J\\xc3\\xb6rg'"},
		{"\x1b[2J", "$'\\x1b[2J'"},
	};

	(void)state;
	add(HOUR, HOUR)->stale = true;
	find();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char want[200], *text;

		strcpy(facts.user, rows[i].user);
		text = why_offer_command(&advice.offers[0]);
		snprintf(want, sizeof(want), "headcount kill --service imap --user %s --stale",
			 rows[i].shown);
		/* By whichever of the two ways: what a shell makes of it counts. */
		if (!strchr(rows[i].user, '\''))
			assert_string_equal(text, want);
		free(text);
	}
}

static void hostile(void **state)
{
	struct why_session *session;

	(void)state;
	for (int i = 0; i < 2; i++) {
		session = add(HOUR, HOUR);
		session->state = TCP_CLOSE_WAIT;
		session->half_closed_ms = HOUR;
		memcpy(session->comm, "\x1b]0;x\x07yyyyyyyyy", HC_COMM_MAX);
	}
	find();
	says(WHY_LEAK, "\\x1b]0;x\\x07yyyyyyyyy (pid 100) does not close 2 of 2 sessions that "
		       "their peers have closed 1h00m ago (CLOSE-WAIT, nothing left to "
		       "send): it leaks them");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing), TEST(pressure),      TEST(kept),    TEST(stale),
		TEST(leak),    TEST(orphans),       TEST(idle),    TEST(busy),
		TEST(unasked), TEST(own_keepalive), TEST(quoting), TEST(hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
