/* SPDX-License-Identifier: GPL-2.0-only */
/* For the tests of attempts that the gate holds: the daemon's socket that takes them is put
 * into the maps here. */
#ifndef HEADCOUNT_TEST_HELD_H
#define HEADCOUNT_TEST_HELD_H

#include "gate.h"
#include "attempt.h"
#include "user/kernel/totals_maps.h"

static int silent = -1; /* the socket that takes what is held */

static inline void open_silent(void)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6};
	struct hc_target key = {.own = HC_TARGET_SILENT};
	__u64 value;

	silent = socket(AF_INET6, SOCK_STREAM, 0);
	assert_int_equal(bind(silent, (struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(listen(silent, 1), 0);
	value = silent;
	map_put(object->maps.targets, &key, &value, BPF_ANY);
}

static inline void close_silent(void)
{
	if (silent >= 0)
		close(silent);
	silent = -1;
}

/* A SYN; the cookie of the socket that it was sent to, 0: of none, and it is `*verdict`. */
static inline __u64 sent_to(const char *from, enum sk_action *verdict)
{
	struct bpf_sk_lookup packet = packet_of(from, strchr(from, ':') ? LOCAL6 : LOCAL4, 143);
	struct bpf_sk_lookup after = packet;
	LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = &packet,
		    .ctx_size_in = sizeof(packet), .ctx_out = &after,
		    .ctx_size_out = sizeof(after), .repeat = 1);

	assert_int_equal(
		bpf_prog_test_run_opts(bpf_program__fd(object->progs.on_arrival), &options), 0);
	*verdict = options.retval;
	return after.cookie;
}

static inline bool vanishes(const char *from)
{
	enum sk_action verdict;
	__u64 cookie = sent_to(from, &verdict), mine = 0;
	socklen_t size = sizeof(mine);

	assert_int_equal(getsockopt(silent, SOL_SOCKET, SO_COOKIE, &mine, &size), 0);
	assert_true(cookie == 0 || cookie == mine);
	assert_int_equal(verdict, cookie ? SK_PASS : SK_DROP);
	return cookie;
}

/* As if all attempts that wait had begun, and been seen last, so many seconds earlier. */
static inline void wait_for(int first_s, int last_s)
{
	struct hc_attempt key;
	struct hc_waiting value;

	assert_int_equal(bpf_map_get_next_key(bpf_map__fd(object->maps.waiting), NULL, &key),
			 0);
	map_get(object->maps.waiting, &key, &value, 0);
	value.first_ns -= first_s * NS_PER_SECOND;
	value.last_ns -= last_s * NS_PER_SECOND;
	map_put(object->maps.waiting, &key, &value, BPF_EXIST);
}

static inline __u64 refused(enum hc_excess excess)
{
	struct hc_counters *counters = calloc(libbpf_num_possible_cpus(), sizeof(*counters));
	__u32 id = IMAP_ID;
	__u64 sum = 0;

	map_get(object->maps.totals, &id, counters, 0);
	for (int cpu = 0; cpu < libbpf_num_possible_cpus(); cpu++)
		sum += counters[cpu].refused[HC_SCOPE_USER][excess];
	free(counters);
	return sum;
}

#endif
