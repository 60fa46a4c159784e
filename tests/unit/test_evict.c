// SPDX-License-Identifier: GPL-2.0-only
/* Whose session makes room for whom. */
#include "evict_world.h"

static void the_stalest(void **state)
{
	(void)state;
	add(&alice, 100);     /* 101 */
	add(&alice, 300);     /* 102 */
	add_dead(&alice, 20); /* 103 */
	add_dead(&alice, 50); /* 104 */
	add(&alice, 59);      /* 105 */
	add(&bob, 3000);      /* 106 */
	for (__u16 port = 1; port <= 5; port++)
		hear(&alice, port);
	serve();
	EXPECT(104, 103, 102, 101);
	for (__u16 i = 0; i < 4; i++)
		assert_int_equal(world.for_port[i], i + 1);
	/* The fifth is for nothing, and the next ones are refused at once. */
	assert_int_equal(world.refusals, 1);
	assert_int_equal(world.barren_until, world.now + EVICT_BARREN_NS);
	assert_int_equal(evict.in_vain, 1);
	assert_int_equal(evict.looks, 1);
}

static void never(void **state)
{
	struct hc_socket *socket;

	(void)state;
	add(&alice, 59);
	add_dead(&alice, 9);              /* not long enough */
	add(&alice, 5000)->orphan = true; /* by its process */
	add(&alice, 5000)->mptcp = true;  /* a subflow, */
	add_dead(&alice, 5000)->mptcp = true;
	add(&alice, 5000)->session.flags = HC_S_REFUSED;
	add(&alice, 5000)->tracked = false;
	add(&alice, 5000)->state = TCP_SYN_RECV;
	socket = add(&alice, 5000);
	socket->session.user.elsewhere = 1;
	add(&bob, 5000);
	hear(&alice, 1);
	serve();
	assert_int_equal(world.closings, 0);
	assert_int_equal(world.refusals, 1);
}

/* idle=never spares who is only idle. */
static void spared(void **state)
{
	(void)state;
	world.known.terms.spared = true;
	add(&alice, 5000);
	add_dead(&alice, 20); /* 102 */
	hear(&alice, 1);
	hear(&alice, 2);
	serve();
	EXPECT(102);
}

static void one_for_each(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++)
		add(&alice, 1000 - i);
	/* Heard again and again, it is one. */
	hear(&alice, 1);
	hear(&alice, 2);
	hear(&alice, 1);
	serve();
	EXPECT(101, 102);
	/* What it said before its slot was free is no news. */
	pleas.count = 0;
	world.now -= SECOND;
	hear(&alice, 1);
	world.now += SECOND;
	serve();
	assert_int_equal(world.closings, 2);
	assert_int_equal(world.refusals, 0);
	/* After that it is: its slot has become another's. The last time counts. */
	world.now -= SECOND;
	hear(&alice, 1);
	world.now += SECOND;
	hear(&alice, 1);
	serve();
	EXPECT(101, 102, 103);
}

/* Its client is back, and sends what it could not. */
static void strays(void **state)
{
	(void)state;
	add_dead(&alice, 500)->session.ends =
		(struct hc_ends){.local_port = 143, .remote_port = 9};
	add_dead(&alice, 400);
	hear(&alice, 1);
	serve();
	EXPECT(101);
	world.now += 60 * SECOND;
	hear(&alice, 9);
	serve();
	assert_int_equal(world.closings, 1);
	assert_int_equal(world.refusals, 0);
	assert_int_equal(world.sent_off, 9);
	/* Who has been told so, and comes again, begins anew. */
	hear(&alice, 9);
	serve();
	EXPECT(101, 102);
}

/* After so long nobody sends anything any more. */
static void no_stray(void **state)
{
	(void)state;
	add_dead(&alice, 500)->session.ends =
		(struct hc_ends){.local_port = 143, .remote_port = 9};
	add_dead(&alice, 400);
	hear(&alice, 1);
	serve();
	world.now += EVICT_PAST_NS;
	hear(&alice, 9);
	serve();
	EXPECT(101, 102);
	assert_int_equal(world.sent_off, 0);
}

static void what_fails(void **state)
{
	(void)state;
	add(&alice, 500); /* 101 cannot be closed, */
	add(&alice, 400); /* 102 has ended: that is room, too */
	add(&alice, 300);
	world.refuses = 101;
	world.ended = 102;
	hear(&alice, 1);
	serve();
	assert_int_equal(world.closings, 0);
	assert_int_equal(world.refusals, 0);
	hear(&alice, 2);
	world.ended = 0;
	serve();
	EXPECT(102);
	/* No look, nothing evicted. */
	world.look_error = -EPERM;
	hear(&alice, 3);
	serve();
	assert_int_equal(world.closings, 1);
	assert_int_equal(world.refusals, 1);
	/* Old, or of nobody whom the policy lets have it. */
	world.look_error = 0;
	hear(&alice, 4);
	world.now += EVICT_CURRENT_NS + 1;
	serve();
	world.unknown = true;
	hear(&alice, 5);
	serve();
	assert_int_equal(world.closings, 1);
}

/* Between the walk and its end. */
static void woken(void **state)
{
	struct evict_choice choice = {.evidence = HC_EVIDENCE_IDLE, .ms = 70000};
	struct tcp_info info = {.tcpi_last_data_recv = 70000, .tcpi_last_data_sent = 70500};

	(void)state;
	assert_true(evict_confirm(&choice, &info));
	info.tcpi_last_data_recv = 5;
	assert_false(evict_confirm(&choice, &info));
	info.tcpi_last_data_recv = 90000;
	info.tcpi_last_data_sent = 5;
	assert_false(evict_confirm(&choice, &info));
	info.tcpi_retransmits = 1; /* it was sent before, and again */
	assert_true(evict_confirm(&choice, &info));
	choice.evidence = HC_EVIDENCE_DEAD;
	assert_false(evict_confirm(&choice, &info));
	info.tcpi_probes = 2;
	assert_true(evict_confirm(&choice, &info));
}

static void each_his_own(void **state)
{
	(void)state;
	add(&alice, 100);
	add(&bob, 300);
	add(&bob, 200);
	hear(&bob, 1);
	hear(&alice, 2);
	serve();
	EXPECT(102, 101);
	assert_int_equal(world.for_port[1], 2);
	assert_int_equal(evict.looks, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_stalest, set_up),
		cmocka_unit_test_setup(never, set_up),
		cmocka_unit_test_setup(spared, set_up),
		cmocka_unit_test_setup(one_for_each, set_up),
		cmocka_unit_test_setup(strays, set_up),
		cmocka_unit_test_setup(no_stray, set_up),
		cmocka_unit_test_setup(what_fails, set_up),
		cmocka_unit_test(woken),
		cmocka_unit_test_setup(each_his_own, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
