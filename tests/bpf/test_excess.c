// SPDX-License-Identifier: GPL-2.0-only
/* What the gate does with attempts over the cap that are held: who vanishes, who asks for room,
 * who is rejected after all. Sockets and the daemon's answers are put into the maps here. */
#include "held.h"

#define CLOSED SMALL IMAP "user = client/32/128\ncap = 0\n"

static struct ring_buffer *pleading;
static struct hc_plea plea; /* the newest */
static int pleas;

static int on_plea(void *context, void *data, size_t size)
{
	(void)context;
	assert_int_equal(size, sizeof(plea));
	memcpy(&plea, data, size);
	pleas++;
	return 0;
}

static int read_pleas(void)
{
	pleas = 0;
	assert_true(ring_buffer__consume(pleading) >= 0);
	return pleas;
}

static void hold(const char *text)
{
	start(text);
	listen_at(NULL, 143);
	open_silent();
	pleading = ring_buffer__new(bpf_map__fd(object->maps.pleas), on_plea, NULL, NULL);
	assert_non_null(pleading);
}

static int let_go(void **state)
{
	ring_buffer__free(pleading);
	pleading = NULL;
	close_silent();
	return end(state);
}

/* Both families vanish; a SYN that comes again is neither told nor counted. */
static void test_wait(void **state)
{
	struct hc_user_key user = client_at("10.0.0.1");

	(void)state;
	hold(CLOSED "excess = wait\n");
	for (int i = 0; i < 5; i++)
		assert_true(vanishes("10.0.0.1"));
	assert_int_equal(read_refusals(), 1);
	assert_int_equal(last.excess, HC_WAIT);
	assert_true(vanishes("2001:db8::9"));
	assert_int_equal(read_refusals(), 1);
	assert_int_equal(refused(HC_WAIT), 2);
	assert_int_equal(refused(HC_REJECT), 0);
	assert_int_equal(user_read(&user).refused, 1);
	assert_int_equal(user_held(&user), 0);
	assert_int_equal(read_pleas(), 0);
	assert_int_equal(lost(HC_LOSS_NOT_HELD), 0);
}

/* It ends with wait_max; the next attempt from the same port is another one, as is one that
 * comes much later than the last was seen. */
static void test_ends(void **state)
{
	(void)state;
	hold(CLOSED "excess = wait\nwait_max = 30s\n");
	assert_true(vanishes("10.0.0.1"));
	wait_for(29, 1);
	assert_true(vanishes("10.0.0.1"));
	assert_int_equal(read_refusals(), 1);
	wait_for(2, 1);
	assert_false(vanishes("10.0.0.1"));
	assert_int_equal(read_refusals(), 1);
	assert_int_equal(last.excess, HC_REJECT);
	assert_true(vanishes("10.0.0.1"));
	assert_int_equal(last.excess, HC_REJECT);
	assert_int_equal(read_refusals(), 1);
	assert_int_equal(last.excess, HC_WAIT);
	/* Once it got in, say; and comes again after an hour. */
	wait_for(3600, 3600);
	assert_true(vanishes("10.0.0.1"));
	assert_int_equal(read_refusals(), 1);
	assert_int_equal(last.excess, HC_WAIT);
	assert_int_equal(refused(HC_WAIT), 3);
	assert_int_equal(refused(HC_REJECT), 1);
}

/* Without the socket: rejected at once, and counted. */
static void test_gone(void **state)
{
	(void)state;
	hold(CLOSED "excess = evict\n");
	assert_true(vanishes("10.0.0.1"));
	close(silent);
	silent = dup(STDERR_FILENO);
	assert_int_equal(arrive("10.0.0.1"), SK_DROP);
	assert_int_equal(arrive("10.0.0.1"), SK_DROP);
	assert_int_equal(lost(HC_LOSS_NOT_HELD), 2);
	assert_int_equal(refused(HC_EVICT), 1);
	assert_int_equal(refused(HC_REJECT), 2);
	assert_int_equal(read_pleas(), 1);
}

/* Each SYN that finds no slot asks for room, of the same attempt; nobody who is barren does. */
static void test_pleas(void **state)
{
	struct hc_user_key user = client_at("10.0.0.1");
	__u64 until, first_ns;

	(void)state;
	hold(CLOSED "excess = evict\n");
	assert_true(vanishes("10.0.0.1"));
	assert_int_equal(read_pleas(), 1);
	assert_memory_equal(&plea.user, &user, sizeof(user));
	assert_int_equal(plea.ends.local_port, 143);
	assert_int_equal(plea.ends.remote_port, 40000);
	assert_int_equal(plea.ends.netns, enforced.items[0].inode);
	assert_int_equal(plea.first_ns, plea.time_ns);
	assert_int_equal(plea.cap, 0);
	assert_int_equal(plea.total, 0);
	first_ns = plea.first_ns;
	assert_true(vanishes("10.0.0.1"));
	assert_int_equal(read_pleas(), 1);
	assert_int_equal(plea.first_ns, first_ns);
	assert_true(plea.time_ns > first_ns);
	assert_int_equal(read_refusals(), 1);
	assert_int_equal(last.excess, HC_EVICT);

	until = clock_monotonic_ns() + 3600 * NS_PER_SECOND;
	map_put(object->maps.barren, &user, &until, BPF_ANY);
	assert_false(vanishes("10.0.0.1"));
	assert_int_equal(read_pleas(), 0);
	assert_int_equal(read_refusals(), 1);
	assert_int_equal(last.excess, HC_REJECT);
	assert_true(vanishes("10.0.0.2"));
	assert_int_equal(read_pleas(), 1);
	until = clock_monotonic_ns();
	map_put(object->maps.barren, &user, &until, BPF_ANY);
	assert_true(vanishes("10.0.0.1"));
	assert_int_equal(read_pleas(), 1);
	assert_true(plea.first_ns > first_ns); /* another attempt */
	assert_int_equal(lost(HC_LOSS_PLEAS_FULL), 0);
}

static void test_pleas_full(void **state)
{
	char from[32];

	(void)state;
	hold(CLOSED "excess = evict\n");
	for (int i = 0; i < 2000; i++) {
		snprintf(from, sizeof(from), "10.0.%d.%d", i / 256, i % 256);
		assert_true(vanishes(from));
	}
	assert_int_equal(read_pleas() + lost(HC_LOSS_PLEAS_FULL), 2000);
	assert_true(lost(HC_LOSS_PLEAS_FULL) > 0);
	assert_int_equal(refused(HC_EVICT), 2000);
}

/* An override's excess, and its absence. */
static void test_override(void **state)
{
	(void)state;
	hold(CLOSED
	     "excess = wait\noverride = 10.0.0.2 0 excess=reject\n"
	     "override = 10.0.0.3 0 excess=observe\noverride = 10.0.0.4 0 excess=evict\n");
	assert_true(vanishes("10.0.0.1"));
	assert_int_equal(arrive("10.0.0.2"), SK_DROP);
	assert_int_equal(arrive("10.0.0.3"), SK_PASS);
	assert_true(vanishes("10.0.0.4"));
	assert_int_equal(read_pleas(), 1);
	for (enum hc_excess excess = HC_REJECT; excess <= HC_EVICT; excess++)
		assert_int_equal(refused(excess), excess != HC_REDIRECT);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_wait, begin, let_go),
		cmocka_unit_test_setup_teardown(test_ends, begin, let_go),
		cmocka_unit_test_setup_teardown(test_gone, begin, let_go),
		cmocka_unit_test_setup_teardown(test_pleas, begin, let_go),
		cmocka_unit_test_setup_teardown(test_pleas_full, begin, let_go),
		cmocka_unit_test_setup_teardown(test_override, begin, let_go),
	};

	return RUN_GATE_TESTS(tests);
}
