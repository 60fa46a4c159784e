// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "user/sessions/view.h"
#include "user/top/model.h"

#define IMAP HC_FIRST_SERVICE
#define SSH  (HC_FIRST_SERVICE + 1)

static struct policy policy;
static struct top_users users;

static int set_up(void **state)
{
	(void)state;
	memset(&users, 0, sizeof(users));
	strcpy(policy.services[IMAP].name, "imap");
	strcpy(policy.services[SSH].name, "ssh");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	top_users_free(&users);
	return 0;
}

/* User 192.0.2.`last` (or of /16 more: it counts up). */
static struct hc_user_key client(unsigned int service, unsigned int last)
{
	struct hc_user_key key = {.service = service, .kind = HC_BY_CLIENT, .prefix = 128};
	const __u8 id[16] = {[10] = 0xff, 0xff, 192, 0, 2 + (last >> 8), last};

	memcpy(key.id, id, sizeof(id));
	return key;
}

static struct state_user row(unsigned int service, unsigned int last, __u32 active,
			     __u64 refused, __u64 opened, __u32 cap)
{
	return (struct state_user){
		.position = last + 1,
		.user = {.key = client(service, last),
			 .word = active,
			 .refused = refused,
			 .opened = opened,
			 .cap = cap},
	};
}

static void take(const struct state_user *rows, size_t count)
{
	struct state_user *items = malloc(count * sizeof(*items) + 1);

	assert_non_null(items);
	memcpy(items, rows, count * sizeof(*items));
	assert_int_equal(top_users_take(&users, &policy, items, count), 0);
}

/* The last byte of each address that is shown, in order. */
static void shows(const char *expected)
{
	char text[256] = "";

	for (size_t i = 0; i < users.list.count; i++)
		sprintf(text + strlen(text), "%s%u", i ? " " : "",
			top_users_at(&users, i)->key.id[15]);
	assert_string_equal(text, expected);
	assert_null(top_users_at(&users, users.list.count));
}

static void order_by(enum top_users_order order)
{
	users.list.order = order;
	assert_int_equal(top_users_arrange(&users, &policy), 0);
}

static void sorts(void **state)
{
	const struct state_user rows[] = {
		row(IMAP, 7, 3, 0, 90, 3),   row(IMAP, 10, 5, 1, 5, HC_UNLIMITED),
		row(IMAP, 8, 3, 9, 80, 4),   row(IMAP, 9, 3, 0, 90, 0),
		row(IMAP, 2, 0, 0, 100, 10),
	};

	(void)state;
	take(rows, 5);
	shows("10 8 7 9 2"); /* 7 and 9 are alike: by address */
	assert_int_equal(users.active, 14);
	assert_int_equal(users.at_cap, 2);
	order_by(TOP_BY_REFUSED);
	shows("8 10 7 9 2");
	order_by(TOP_BY_OPENED);
	shows("2 7 9 8 10");
}

static void filters(void **state)
{
	const struct state_user rows[] = {row(IMAP, 7, 3, 0, 3, 3), row(SSH, 71, 2, 0, 2, 3),
					  row(SSH, 8, 1, 0, 1, 3)};

	(void)state;
	take(rows, 3);
	strcpy(users.list.filter, "SSH");
	order_by(TOP_BY_ACTIVE);
	shows("71 8");
	strcpy(users.list.filter, ".2.7");
	order_by(TOP_BY_ACTIVE);
	shows("7 71");
	strcpy(users.list.filter, "nobody");
	order_by(TOP_BY_ACTIVE);
	shows("");
	/* The totals are of all, whatever is shown. */
	assert_int_equal(users.active, 6);
	users.list.filter[0] = '\0';
	order_by(TOP_BY_ACTIVE);
	shows("7 71 8");
}

/* A position's name is its user's of now, not of the one whom it had before. */
static void filter_of_another(void **state)
{
	struct state_user rows[] = {row(IMAP, 7, 1, 0, 1, 3)};

	(void)state;
	strcpy(users.list.filter, ".7");
	take(rows, 1);
	shows("7");
	rows[0].user.key = client(IMAP, 9);
	take(rows, 1);
	shows("");
}

static void cursor_follows(void **state)
{
	struct state_user rows[] = {row(IMAP, 1, 9, 0, 1, 3), row(IMAP, 2, 8, 0, 1, 3),
				    row(IMAP, 3, 7, 0, 1, 3)};

	(void)state;
	take(rows, 3);
	assert_int_equal(users.list.cursor, 0);
	/* Nobody was chosen: it stays on the first, whoever that is. */
	rows[2].user.word = 20;
	take(rows, 3);
	shows("3 1 2");
	assert_int_equal(users.list.cursor, 0);
	/* Chosen, it goes along. */
	top_list_move(&users.list, 1);
	top_users_select(&users);
	rows[0].user.word = 1;
	take(rows, 3);
	shows("3 2 1");
	assert_int_equal(users.list.cursor, 2);
	rows[0].user.word = 30;
	take(rows, 3);
	assert_int_equal(users.list.cursor, 0);
	rows[0].user.word = 1;
	take(rows, 3);
	assert_int_equal(users.list.cursor, 2);
	/* Gone, it stays in the list. */
	rows[0] = rows[2];
	take(rows, 2);
	assert_int_equal(users.list.cursor, 1);
	take(rows, 0);
	assert_int_equal(users.list.cursor, 0);
	take(rows, 2);
	assert_in_range(users.list.cursor, 0, 1);
}

static void window(void **state)
{
	struct top_list list = {.count = 100};

	(void)state;
	top_list_move(&list, 1000);
	assert_int_equal(list.cursor, 99);
	top_list_scroll(&list, 10);
	assert_int_equal(list.first, 90);
	top_list_move(&list, -5);
	top_list_scroll(&list, 10);
	assert_int_equal(list.first, 90);
	top_list_move(&list, -1000);
	top_list_scroll(&list, 10);
	assert_int_equal(list.cursor, 0);
	assert_int_equal(list.first, 0);
	/* Fewer items, or a larger window, leave no blank rows. */
	top_list_move(&list, 99);
	top_list_scroll(&list, 10);
	list.count = 50;
	list.cursor = 49;
	top_list_scroll(&list, 10);
	assert_int_equal(list.first, 40);
	top_list_scroll(&list, 200);
	assert_int_equal(list.first, 0);
	top_list_scroll(&list, 0);
	assert_int_equal(list.first, 49);
}

/* All of them, each not before one that comes first. */
static void many(void **state)
{
	enum { COUNT = 50000 };
	struct state_user *rows = calloc(COUNT, sizeof(*rows));

	(void)state;
	assert_non_null(rows);
	srandom(1);
	for (unsigned int i = 0; i < COUNT; i++)
		rows[i] = row(IMAP, i, random() % 50, random() % 3, random() % 1000, 40);
	take(rows, COUNT);
	assert_int_equal(users.list.count, COUNT);
	for (size_t i = 1; i < COUNT; i++) {
		const struct hc_user *a = top_users_at(&users, i - 1);
		const struct hc_user *b = top_users_at(&users, i);

		assert_true(hc_user_active(a) >= hc_user_active(b));
		if (hc_user_active(a) == hc_user_active(b))
			assert_true(a->refused >= b->refused);
		if (hc_user_active(a) == hc_user_active(b) && a->refused == b->refused)
			assert_true(a->opened >= b->opened);
	}
	free(rows);
}

static void offer(struct top_sessions *sessions, __u64 id, struct hc_user_key user,
		  __u64 opened_ns, __u64 bytes, __u32 idle)
{
	struct hc_session session = {.user = user, .opened_ns = opened_ns, .comm = "imapd"};
	struct hc_socket socket = {
		.rx_bytes = bytes, .idle = {idle, HC_NEVER}, .half_closed = HC_NEVER};
	const struct session_row row = {.id = id, .session = &session, .socket = &socket};

	session.ends.remote_port = 1000 + id;
	top_sessions_offer(sessions, &row, &(struct holders){});
}

static void sessions_show(const struct top_sessions *sessions, const char *expected)
{
	char text[256] = "";

	for (size_t i = 0; i < sessions->list.count; i++)
		sprintf(text + strlen(text), "%s%llu", i ? " " : "",
			top_sessions_at(sessions, i)->id);
	assert_string_equal(text, expected);
}

static void sessions_of_one(void **state)
{
	struct top_sessions sessions = {.user = client(IMAP, 7)};
	struct hc_user_key elsewhere = client(IMAP, 7);

	(void)state;
	elsewhere.elsewhere = 1;
	top_sessions_begin(&sessions);
	offer(&sessions, 1, client(IMAP, 7), 300, 5, 0);
	offer(&sessions, 2, client(IMAP, 8), 200, 5, 0);
	offer(&sessions, 3, client(SSH, 7), 200, 5, 0);
	offer(&sessions, 4, client(IMAP, 7), 200, 50, 1000000);
	offer(&sessions, 5, elsewhere, 100, 6, 0);
	assert_int_equal(top_sessions_arrange(&sessions), 0);
	sessions_show(&sessions, "4 1 5"); /* the idle one first */
	sessions.list.order = TOP_BY_AGE;
	assert_int_equal(top_sessions_arrange(&sessions), 0);
	sessions_show(&sessions, "5 4 1");
	sessions.list.order = TOP_BY_BYTES;
	assert_int_equal(top_sessions_arrange(&sessions), 0);
	sessions_show(&sessions, "4 5 1");
	strcpy(sessions.list.filter, ":1005");
	assert_int_equal(top_sessions_arrange(&sessions), 0);
	sessions_show(&sessions, "5");
	strcpy(sessions.list.filter, "IMAPD");
	assert_int_equal(top_sessions_arrange(&sessions), 0);
	sessions_show(&sessions, "4 5 1");
	top_sessions_free(&sessions);
}

/* Marks go with their sessions, and no further. */
static void marks(void **state)
{
	struct top_sessions sessions = {.user = client(IMAP, 7)};

	(void)state;
	for (int round = 0; round < 2; round++) {
		top_sessions_begin(&sessions);
		for (__u64 id = 1 + round; id < 5; id++)
			offer(&sessions, id, client(IMAP, 7), 100 * id, 5, 0);
		assert_int_equal(top_sessions_arrange(&sessions), 0);
		if (round)
			break;
		sessions_show(&sessions, "1 2 3 4");
		top_sessions_mark(&sessions);
		top_list_move(&sessions.list, 2);
		top_sessions_mark(&sessions);
		assert_int_equal(sessions.marked_count, 2);
		top_list_move(&sessions.list, 1);
		top_sessions_mark(&sessions);
		top_sessions_mark(&sessions);
		assert_int_equal(sessions.marked_count, 2);
	}
	assert_int_equal(sessions.marked_count, 1);
	assert_int_equal(sessions.marked[0], 3);
	top_sessions_free(&sessions);
}

/* The process that has a session, if one is known; the listener else; nobody, if nobody has. */
static void process(void **state)
{
	struct top_session item = {.session = {.pid = 7, .comm = "listener"}};
	char text[TOP_PROCESS];

	(void)state;
	assert_string_equal(top_process(&item, text), "listener/7");
	item.orphan = true;
	assert_string_equal(top_process(&item, text), "(orphan)");
	item.orphan = false;
	item.holders = 1;
	item.holder = (struct hc_holder){.pid = 8, .comm = "worker"};
	assert_string_equal(top_process(&item, text), "worker/8");
	item.holders = 3;
	assert_string_equal(top_process(&item, text), "worker/8+2");
}

static void rates(void **state)
{
	struct top_rates rates = {};

	(void)state;
	top_rates_update(&rates, &(struct top_counts){100, 50, 7}, 1000000000);
	assert_false(rates.known);
	top_rates_update(&rates, &(struct top_counts){140, 60, 7}, 3000000000);
	assert_true(rates.known);
	assert_true(rates.opened == 20 && rates.closed == 5 && rates.refused == 0);
	/* Another headcount counts from the beginning. */
	top_rates_update(&rates, &(struct top_counts){3, 0, 0}, 4000000000);
	assert_false(rates.known);
	top_rates_update(&rates, &(struct top_counts){4, 0, 0}, 5000000000);
	assert_true(rates.known && rates.opened == 1);
}

static void merges(void **state)
{
	struct state_user rows[] = {
		row(IMAP, 7, 3, 1, 4, 3),
		row(IMAP, 8, 2, 0, 2, 3),
		row(IMAP, 7, 2, 0, 5, HC_UNLIMITED),
		row(IMAP, 9, 6, 0, 6, HC_UNLIMITED),
	};
	__u32 active = 0;

	(void)state;
	rows[0].user.peak = 3;
	rows[2].user.peak = 5;
	rows[2].user.key.elsewhere = rows[3].user.key.elsewhere = 1;
	users_view_merge(rows, 4);
	for (int i = 0; i < 4; i++) {
		const struct hc_user *user = &rows[i].user;

		active += hc_user_active(user);
		if (user->key.id[15] == 7 && !user->key.elsewhere) {
			assert_int_equal(hc_user_active(user), 5);
			assert_int_equal(user->opened, 9);
			assert_int_equal(user->refused, 1);
			assert_int_equal(user->peak, 5);
			assert_int_equal(user->cap, 3);
		} else if (user->key.id[15] == 7) {
			assert_false(state_user_shown(user));
		} else if (user->key.id[15] == 9) {
			assert_int_equal(hc_user_active(user), 6);
		}
	}
	assert_int_equal(active, 13);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(sorts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(filters, set_up, tear_down),
		cmocka_unit_test_setup_teardown(filter_of_another, set_up, tear_down),
		cmocka_unit_test_setup_teardown(cursor_follows, set_up, tear_down),
		cmocka_unit_test_setup_teardown(many, set_up, tear_down),
		cmocka_unit_test(window),
		cmocka_unit_test(sessions_of_one),
		cmocka_unit_test(marks),
		cmocka_unit_test(process),
		cmocka_unit_test(rates),
		cmocka_unit_test(merges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
