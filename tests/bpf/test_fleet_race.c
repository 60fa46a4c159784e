// SPDX-License-Identifier: GPL-2.0-only
/* The daemon's words while others are at work: units are lowered while attempts arrive on
 * another CPU, and what set_units tells as taken bounds what is taken later; a flood of asks; a
 * store that is silent. */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include "fleet_gate.h"

#define ROUNDS 50000

static int rounds = ROUNDS;
static atomic_int ready, go, done, over; /* rounds */

static void await(atomic_int *round, int number)
{
	while (atomic_load(round) < number)
		sched_yield();
}

static void stall(int turns)
{
	for (volatile int spin = turns; spin > 0; spin--)
		;
}

/* One attempt a round, beside which the units are lowered. */
static void *knock(void *unused)
{
	struct bpf_sk_lookup packet = packet_of("10.0.0.1", LOCAL4, 143);
	struct bpf_sk_lookup stray = packet_of("10.0.0.1", LOCAL4, 9);
	cpu_set_t other;

	CPU_ZERO(&other);
	CPU_SET(1, &other);
	sched_setaffinity(0, sizeof(other), &other); /* where there is another */
	for (int round = 1; round <= rounds; round++) {
		await(&over, round - 1);
		arrive_packet(stray, 1); /* what the last attempt took is given back */
		atomic_store(&ready, round);
		await(&go, round);
		stall(1000);
		arrive_packet(packet, 1);
		atomic_store(&done, round);
	}
	return unused;
}

static void test_lowered(void **state)
{
	struct hc_user_key user = client_at("10.0.0.1");
	int entered = 0, missed = 0, beyond = 0, turns = 1000;
	unsigned int seed = 1;
	pthread_t thread;
	__u32 taken, later;

	(void)state;
	if (getenv("HC_TEST_SLOW"))
		rounds /= 10;
	start(SMALL IMAP "user = client/32/128\ncap = 8\n");
	open_words();
	share(HC_COLD_WAIT, HC_ALONE_REFUSE, 0);
	lease(0, true);
	assert_int_equal(pthread_create(&thread, NULL, knock, NULL), 0);
	for (int round = 1; round <= rounds; round++) {
		await(&ready, round);
		assert_int_equal(set_units(&user, 1), 0);
		atomic_store(&go, round);
		/* About as often before it as after. */
		stall(turns + rand_r(&seed) % 64);
		taken = set_units(&user, 0);
		await(&done, round);
		later = sessions_of(&user);
		atomic_store(&over, round);
		entered += later && later <= taken;
		missed += !later;
		beyond += later > taken;
		turns += later ? -(turns > 16) * 16 : 16;
	}
	pthread_join(thread, NULL);
	printf("# %d entered before, %d came too late, %d took what was gone\n", entered,
	       missed, beyond);
	assert_int_equal(beyond, 0);
	assert_true(entered > rounds / 100 && missed > rounds / 100);
}

static atomic_bool enough;
static int heard;

/* Slower than they come; the flood ends some time, so that a test that fails does. */
static void hear_slowly(void *context, const struct hc_ask *ask)
{
	const struct timespec pause = {.tv_nsec = 20000};

	(void)context;
	(void)ask;
	nanosleep(&pause, NULL);
	if (++heard == 5000)
		atomic_store(&enough, true);
}

static void *flood(void *unused)
{
	struct bpf_sk_lookup packet = packet_of("10.0.0.1", LOCAL4, 143);

	while (!atomic_load(&enough))
		arrive_packet(packet, 1);
	return unused;
}

static void test_flood(void **state)
{
	pthread_t thread;

	(void)state;
	start(SMALL IMAP "user = client/32/128\ncap = 8\n");
	listen_at(NULL, 143);
	open_silent();
	assert_int_equal(fleet_words_open(&words, object, hear_slowly, NULL), 0);
	share(HC_COLD_WAIT, HC_ALONE_REFUSE, 0);
	lease(0, true);
	assert_int_equal(pthread_create(&thread, NULL, flood, NULL), 0);
	for (int i = 0; i < 10000 && heard < 1000; i++) {
		fleet_words_hear(words);
		usleep(1000); /* the thread may not have begun */
	}
	atomic_store(&enough, true);
	pthread_join(thread, NULL);
	printf("# %d asks heard\n", heard);
	assert_in_range(heard, 1000, 3000);
}

static bool enters(const char *from)
{
	enum sk_action verdict;

	return !sent_to(from, &verdict) && verdict == SK_PASS;
}

/* cold = admit: nobody is let in for an answer that does not come. */
static void test_silent(void **state)
{
	struct hc_user_key user = client_at("10.0.0.1");

	(void)state;
	start(SMALL IMAP "user = client/32/128\ncap = 8\n");
	open_words();
	share(HC_COLD_ADMIT, HC_ALONE_REFUSE, 0);
	lease(0, true);
	assert_int_equal(set_units(&user, 1), 0);
	fleet_words_set_shards(words, 2);
	assert_true(enters("10.0.0.1")); /* by its unit */
	user_set_active(&user, 1);
	answers(0, true);
	assert_true(enters("10.0.0.1")); /* the other shard's store does not answer */
	read_asks();
	answers(0, false);
	answers(1, true);
	assert_true(vanishes("10.0.0.1"));
	assert_int_equal(read_asks(), 1);
	assert_true(vanishes("10.0.0.9")); /* nobody knows its shard */
	answers(0, true);
	assert_true(enters("10.0.0.9"));
	/* Whoever said so says nothing any more. */
	fleet_words_set_answers(words, 0, clock_ns(CLOCK_BOOTTIME) - 1);
	assert_true(vanishes("10.0.0.8"));
	assert_true(vanishes("10.0.0.1"));
}

/* Programs of that name cannot be run from now on. */
static void lose_programs(const char *name)
{
	int none = open("/dev/null", O_RDWR);

	assert_true(none >= 0);
	for (int fd = 3; fd < 1024; fd++) {
		struct bpf_prog_info info = {};
		__u32 size = sizeof(info);

		if (!bpf_obj_get_info_by_fd(fd, &info, &size) &&
		    !strncmp(info.name, name, sizeof(info.name)))
			assert_int_equal(dup2(none, fd), fd);
	}
	close(none);
}

/* What fails each time, which may be thousands of times a second, is printed once. */
static void test_broken(void **state)
{
	struct hc_user_key user = client_at("10.0.0.1");
	FILE *said = tmpfile();
	int kept = dup(STDERR_FILENO), lines = 0;
	__u32 taken;

	(void)state;
	start(SMALL IMAP "user = client/32/128\ncap = 8\n");
	open_words();
	lose_programs("set_units");
	assert_int_equal(dup2(fileno(said), STDERR_FILENO), STDERR_FILENO);
	for (int i = 0; i < 10; i++) {
		assert_true(fleet_words_sessions(words, &user, &taken) < 0);
		assert_true(fleet_words_set_units(words, &user, 0, 1, &taken) < 0);
	}
	dup2(kept, STDERR_FILENO);
	close(kept);
	rewind(said);
	for (int c; (c = fgetc(said)) != EOF;)
		lines += c == '\n';
	fclose(said);
	assert_int_equal(lines, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_lowered, begin, close_words),
		cmocka_unit_test_setup_teardown(test_flood, begin, close_words),
		cmocka_unit_test_setup_teardown(test_silent, begin, close_words),
		cmocka_unit_test_setup_teardown(test_broken, begin, close_words),
	};

	return RUN_GATE_TESTS(tests);
}
