// SPDX-License-Identifier: GPL-2.0-only
/* Policies that switch while packets arrive on another CPU. */
#include <pthread.h>
#include "gate.h"

static volatile bool hammering;

static void *hammer(void *unused)
{
	struct bpf_sk_lookup packet = packet_of("10.0.0.1", LOCAL4, 143);
	cpu_set_t other;

	CPU_ZERO(&other);
	CPU_SET(1, &other);
	sched_setaffinity(0, sizeof(other), &other); /* where there is another */
	while (hammering)
		arrive_packet(packet, 1000);
	return unused;
}

/* Policies switch under packets: no user keeps the old cap as if it were new. */
static void test_switch_race(void **state)
{
	time_t end_at = time(NULL) + 3;
	struct hc_user_key key;
	struct policy policy;
	pthread_t thread;
	__u32 zero = 0;
	int stale = 0;

	(void)state;
	start(SMALL IMAP "cap = 10\n");
	reload(SMALL IMAP "cap = 20\n");
	listen_at(NULL, 143);
	key = client_at("10.0.0.1");
	hammering = true;
	assert_int_equal(pthread_create(&thread, NULL, hammer, NULL), 0);
	while (time(NULL) < end_at) {
		struct hc_user now;

		policy_read(object, &policy);
		policy.control.generation++;
		map_put(object->maps.control, &zero, &policy.control, BPF_ANY);
		for (volatile int spin = 0; spin < 20000; spin++)
			;
		policy_read(object, &policy);
		now = user_read(&key);
		if (now.generation == policy.control.generation)
			stale += now.cap != policy.services[IMAP_ID].cap;
	}
	hammering = false;
	pthread_join(thread, NULL);
	assert_int_equal(stale, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_switch_race, begin, end),
	};

	return RUN_GATE_TESTS(tests);
}
