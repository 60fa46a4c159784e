// SPDX-License-Identifier: GPL-2.0-only
/* Whose session makes room for whom, how many, and how often. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "user/base/ticks.h"
#include "user/evict/serve.h"
#include "user/sessions/stale.h"

#define SECOND  1000000000ull
#define SOCKETS 64

/* A world of a few sockets. */
static struct {
	struct hc_socket sockets[SOCKETS];
	size_t count;
	__u64 closed[SOCKETS]; /* the ids, in their order, */
	__u16 for_port[SOCKETS];
	size_t closings; /* and how many */
	__u64 refuses;   /* closing this one fails, */
	__u64 ended;     /* and this one has ended by itself */
	__u64 barren_until;
	int refusals, look_error;
	__u64 now;
	struct evict_user known;
	bool unknown;
} world;
static struct evict evict;
static struct evict_pleas pleas;

static const struct hc_user_key alice = {.service = 2, .prefix = 128, .word = {1, 2}};
static const struct hc_user_key bob = {.service = 2, .prefix = 128, .word = {1, 3}};

static bool know(void *context, const struct hc_user_key *user, struct evict_user *known)
{
	(void)context, (void)user;
	*known = world.known;
	return !world.unknown;
}

static int look(void *context, const struct evict_pleas *asked,
		const struct hc_socket **sockets, size_t *count)
{
	(void)context, (void)asked;
	*sockets = world.sockets;
	*count = world.count;
	return world.look_error;
}

/* A socket that is closed is not there any more at the next look. */
static int close_it(void *context, const struct evict_choice *choice,
		    const struct evict_newcomer *newcomer)
{
	struct hc_socket *socket = (struct hc_socket *)choice->socket;

	(void)context;
	if (socket->id == world.refuses)
		return -EPERM;
	if (socket->id == world.ended)
		return 0;
	world.now += SECOND / 1000;
	world.closed[world.closings] = socket->id;
	world.for_port[world.closings++] = newcomer->ends.remote_port;
	socket->tracked = false;
	return 1;
}

static void refuse(void *context, const struct hc_user_key *user, __u64 until_ns)
{
	(void)context, (void)user;
	world.barren_until = until_ns;
	world.refusals++;
}

static __u64 now_ns(void *context)
{
	(void)context;
	return world.now;
}

static const struct evict_world ways = {NULL, know, look, close_it, refuse, now_ns};

static int set_up(void **state)
{
	(void)state;
	memset(&world, 0, sizeof(world));
	memset(&evict, 0, sizeof(evict));
	memset(&pleas, 0, sizeof(pleas));
	world.now = 10000 * SECOND;
	world.known = (struct evict_user){.terms.idle_ms = 60000, .rate = 10};
	return 0;
}

/* A session that has been idle, and unheard, for so long. */
static struct hc_socket *add(const struct hc_user_key *user, __u32 idle_s)
{
	struct hc_socket *socket = &world.sockets[world.count++];

	*socket = (struct hc_socket){
		.id = 100 + world.count,
		.state = TCP_ESTABLISHED,
		.tracked = true,
		.idle = {ticks_of_ms(idle_s * 1000ull), HC_NEVER},
		.peer.heard_ticks = ticks_of_ms(idle_s * 1000ull),
		.session = {.user = *user, .ends.remote_port = 1000 + world.count},
	};
	return socket;
}

static struct hc_socket *add_dead(const struct hc_user_key *user, __u32 idle_s)
{
	struct hc_socket *socket = add(user, idle_s);

	socket->peer.unanswered = STALE_UNANSWERED;
	return socket;
}

static void hear(const struct hc_user_key *user, __u16 port)
{
	struct hc_ends ends = {.local_port = 143, .remote_port = port};

	assert_true(evict_hear(&pleas, user, &ends, world.now));
}

static void serve(void)
{
	evict_serve(&evict, &pleas, &ways);
}

static void expect(size_t count, const __u64 *ids)
{
	assert_int_equal(world.closings, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(world.closed[i], ids[i]);
}
#define EXPECT(...)                                                                            \
	expect(sizeof((__u64[]){__VA_ARGS__}) / sizeof(__u64), (__u64[]){__VA_ARGS__})

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

static void slots_to_spare(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++)
		add(&alice, 1000 - i);
	hear(&alice, 1);
	hear(&alice, 2);
	world.known.spare_slots = 1; /* a handshake's, which may be forged */
	serve();
	assert_int_equal(world.closings, 0);
	assert_int_equal(evict.looks, 0); /* there is not even a look */
	world.now += SECOND;              /* it has become a session */
	hear(&alice, 1);
	hear(&alice, 2);
	world.known.spare_slots = 0;
	serve();
	EXPECT(101, 102);
	/* A third asked before that: what evictions made is the others'. */
	world.now -= SECOND / 100;
	hear(&alice, 3);
	world.now += SECOND / 100;
	world.known.spare_slots = 2;
	serve();
	EXPECT(101, 102, 103);
	hear(&alice, 4);
	serve();
	assert_int_equal(world.closings, 3);
	assert_int_equal(evict.looks, 2);
}

static void by_rate(void **state)
{
	__u64 until;

	(void)state;
	world.known.rate = 3;
	for (int i = 0; i < 8; i++)
		add(&alice, 1000 - i);
	for (__u16 port = 1; port <= 5; port++)
		hear(&alice, port);
	serve();
	EXPECT(101, 102, 103);
	assert_int_equal(evict.held_off, 2);
	assert_int_equal(world.refusals, 1);
	/* No look while the rate is used up, and refused for as long. */
	hear(&alice, 6);
	serve();
	assert_int_equal(evict.looks, 1);
	assert_int_equal(world.closings, 3);
	until = world.barren_until;
	assert_true(until >= world.now + 60 * SECOND && until <= world.now + 71 * SECOND);
	world.now = until - 1;
	hear(&alice, 7);
	serve();
	assert_int_equal(world.closings, 3);
	world.now = until;
	hear(&alice, 8);
	serve();
	EXPECT(101, 102, 103, 104);
}

/* Whatever the moments, no minute has more. */
static void no_minute_has_more(void **state)
{
	static struct evict_rates rates;
	__u64 times[4096], until, now = 77 * SECOND;
	size_t count = 0;

	(void)state;
	srand(7);
	memset(&rates, 0, sizeof(rates));
	for (int i = 0; i < 20000 && count < 4096; i++) {
		now += rand() % (4 * SECOND);
		if (!evict_rate_left(&rates, &alice, 10, now, &until)) {
			assert_true(until > now);
			continue;
		}
		evict_rate_count(&rates, &alice, now);
		times[count++] = now;
		if (count > 10)
			assert_true(now - times[count - 11] >= 60 * SECOND);
	}
	assert_true(count > 1000);
	assert_int_equal(rates.count, 1);
}

static void many_users(void **state)
{
	static struct evict_rates rates;
	struct hc_user_key user = alice;
	__u64 until;

	(void)state;
	memset(&rates, 0, sizeof(rates));
	for (__u32 i = 0; i < EVICT_RATE_USERS; i++) {
		user.word[1] = i;
		assert_int_equal(evict_rate_left(&rates, &user, 10, SECOND, &until), 10);
		evict_rate_count(&rates, &user, SECOND);
	}
	user.word[1] = EVICT_RATE_USERS;
	assert_int_equal(evict_rate_left(&rates, &user, 10, SECOND, &until), 0);
	assert_true(until > SECOND);
	/* Who has a row goes on, and after a minute all are free again. */
	user.word[1] = 5;
	assert_int_equal(evict_rate_left(&rates, &user, 10, SECOND, &until), 9);
	user.word[1] = EVICT_RATE_USERS;
	assert_int_equal(evict_rate_left(&rates, &user, 10, 71 * SECOND, &until), 10);
	evict_rate_count(&rates, &user, 71 * SECOND);
	assert_int_equal(evict_rate_left(&rates, &user, 10, 71 * SECOND, &until), 9);
	assert_int_equal(rates.count, EVICT_RATE_USERS);
	user.word[1] = 0; /* whose row it may be */
	assert_int_equal(evict_rate_left(&rates, &user, 10, 71 * SECOND, &until), 10);
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
	world.now += EVICT_PAST_NS;
	hear(&alice, 9);
	serve();
	EXPECT(101, 102);
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

/* The cap was lowered: one less lets nobody in. */
static void beyond(void **state)
{
	(void)state;
	add(&alice, 5000);
	world.known.beyond = true;
	hear(&alice, 1);
	serve();
	assert_int_equal(world.closings, 0);
	assert_int_equal(world.refusals, 1);
	assert_int_equal(evict.looks, 0);
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

static void bounds(void **state)
{
	struct hc_user_key user = alice;
	struct hc_ends ends = {.local_port = 143};

	(void)state;
	for (__u32 i = 0; i < EVICT_NEWCOMERS + 5; i++) {
		ends.remote_port = i;
		assert_true(evict_hear(&pleas, &alice, &ends, world.now));
	}
	assert_int_equal(pleas.cases[0].count, EVICT_NEWCOMERS);
	for (__u32 i = 1; i < EVICT_CASES; i++) {
		user.word[1] = 1000 + i;
		assert_true(evict_hear(&pleas, &user, &ends, world.now));
	}
	user.word[1] = 7;
	assert_false(evict_hear(&pleas, &user, &ends, world.now));
	assert_true(evict_hear(&pleas, &alice, &ends, world.now));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_stalest, set_up),
		cmocka_unit_test_setup(never, set_up),
		cmocka_unit_test_setup(spared, set_up),
		cmocka_unit_test_setup(one_for_each, set_up),
		cmocka_unit_test_setup(slots_to_spare, set_up),
		cmocka_unit_test_setup(by_rate, set_up),
		cmocka_unit_test(no_minute_has_more),
		cmocka_unit_test(many_users),
		cmocka_unit_test_setup(strays, set_up),
		cmocka_unit_test_setup(what_fails, set_up),
		cmocka_unit_test_setup(beyond, set_up),
		cmocka_unit_test(woken),
		cmocka_unit_test_setup(each_his_own, set_up),
		cmocka_unit_test_setup(bounds, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
