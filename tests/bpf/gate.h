/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For the tests of the inbound gate: on_arrival, loaded on maps of its own,
 * attached to nothing and driven packet by packet with test runs.
 */
#ifndef HEADCOUNT_TEST_GATE_H
#define HEADCOUNT_TEST_GATE_H

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "sets.h"
#include "charge.h"
#include "user/base/clock.h"
#include "user/events/decode.h"
#include "user/kernel/load.h"
#include "user/kernel/losses.h"
#include "user/kernel/policy_apply.h"
#include "user/kernel/policy_caps.h"
#include "user/kernel/walk.h"

#define LOCAL4  "192.0.2.1"
#define LOCAL6  "2001:db8::1"
#define SMALL   "[headcount]\nusers_max = 64\nsessions_max = 1024\n"
#define IMAP    "[service imap]\nlisten = 143\n"
#define IMAP_ID HC_FIRST_SERVICE

/* One test's. */
static struct headcount_bpf *object;
static struct netns_list enforced;
static struct ring_buffer *ring;
static struct hc_event last; /* the newest refusal read */
static __u64 reported;       /* refusals read */
static __u64 suppressed;     /* that they stand for besides */

static int on_refusal(void *context, void *data, size_t size)
{
	(void)context;
	assert_int_equal(decode_event(&last, data, size), 0);
	assert_int_equal(last.type, HC_REFUSED);
	reported++;
	suppressed += last.suppressed;
	return 0;
}

/* Reads what is in the ring of refusals; returns how many records there were. */
static inline int read_refusals(void)
{
	int count = ring_buffer__consume(ring);

	assert_true(count >= 0);
	return count;
}

static void read_config(struct config *config, const char *text)
{
	char path[] = "/tmp/headcount-gate-XXXXXX", why[512] = "no file";
	int fd = mkstemp(path), error = -1;

	if (fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text))
		error = config_read(config, path, why, sizeof(why));
	close(fd);
	unlink(path);
	if (error)
		fail_msg("%s", why);
}

static inline void reload(const char *text)
{
	struct config config;
	int error;

	read_config(&config, text);
	error = policy_apply(object, &config, &enforced);
	config_free(&config);
	assert_int_equal(error, 0);
}

/* Loads the gate and these programs, with maps of the sizes that `text` asks for, and applies
 * it. Each program costs the verifier's time. */
static inline void start_with(unsigned int programs, const char *text)
{
	struct load_request request = {.programs = LOAD_ARRIVAL | programs};
	struct config config;
	int error;

	assert_int_equal(netns_resolve(&enforced, NULL, 0), 0);
	read_config(&config, text);
	request.config = &config;
	request.netns = enforced.items[0].inode;
	error = load_object(&object, &request) ?: load_control(object, HC_BOTH_DIRECTIONS);
	error = error ?: policy_apply(object, &config, &enforced);
	config_free(&config);
	assert_int_equal(error, 0);
	ring = ring_buffer__new(bpf_map__fd(object->maps.refusals), on_refusal, NULL, NULL);
	assert_non_null(ring);
}

static inline void start(const char *text)
{
	start_with(LOAD_WALK_USERS, text);
}

/* Setup and teardown of each test; the teardown comes after a failure too. */
static int begin(void **state)
{
	(void)state;
	memset(&last, 0, sizeof(last));
	reported = suppressed = 0;
	return 0;
}

static int end(void **state)
{
	(void)state;
	ring_buffer__free(ring);
	ring = NULL;
	headcount_bpf__destroy(object);
	object = NULL;
	netns_free(&enforced);
	return 0;
}

static void map_get(const struct bpf_map *map, const void *key, void *value, __u64 flags)
{
	assert_int_equal(bpf_map_lookup_elem_flags(bpf_map__fd(map), key, value, flags), 0);
}

static void map_put(const struct bpf_map *map, const void *key, const void *value, __u64 flags)
{
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(map), key, value, flags), 0);
}

static void address_of(__u8 address[16], const char *text)
{
	char mapped[64];

	snprintf(mapped, sizeof(mapped), strchr(text, ':') ? "%s" : "::ffff:%s", text);
	assert_int_equal(inet_pton(AF_INET6, mapped, address), 1);
}

/* Somebody (uid 77) listens at `address`; NULL: at any. */
static inline void listen_at(const char *address, __u16 port)
{
	struct hc_listener_key key = {.netns = enforced.items[0].inode, .port = port};
	struct hc_listener listener = {
		.uid = 77, .cgroup = 4242, .pid = 99, .sockets = 1, .comm = "imapd"};
	__u32 kinds = HC_LISTEN_ANY, index = port, before;

	if (address) {
		address_of(key.address, address);
		kinds = strcmp(address, "0.0.0.0") ? HC_LISTEN_ADDRESS : HC_LISTEN_IPV4;
	}
	map_put(object->maps.listeners, &key, &listener, BPF_ANY);
	map_get(object->maps.listened, &index, &before, 0);
	kinds |= before + HC_LISTEN_CHANGE;
	map_put(object->maps.listened, &index, &kinds, BPF_ANY);
}

/* A packet without a socket, as the kernel describes it. */
static struct bpf_sk_lookup packet_of(const char *from, const char *to, __u16 port)
{
	struct bpf_sk_lookup packet = {
		.family = strchr(from, ':') ? AF_INET6 : AF_INET,
		.protocol = IPPROTO_TCP,
		.remote_port = htons(40000),
		.local_port = port,
	};

	if (packet.family == AF_INET6) {
		assert_int_equal(inet_pton(AF_INET6, from, packet.remote_ip6), 1);
		assert_int_equal(inet_pton(AF_INET6, to, packet.local_ip6), 1);
	} else {
		assert_int_equal(inet_pton(AF_INET, from, &packet.remote_ip4), 1);
		assert_int_equal(inet_pton(AF_INET, to, &packet.local_ip4), 1);
	}
	return packet;
}

/* The same packet arrives `times` times; the last one's verdict is returned. */
static enum sk_action arrive_packet(struct bpf_sk_lookup packet, int times)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = &packet,
		    .ctx_size_in = sizeof(packet), .repeat = times);
	int error;

	error = bpf_prog_test_run_opts(bpf_program__fd(object->progs.on_arrival), &options);
	assert_int_equal(error, 0);
	return options.retval;
}

static inline enum sk_action arrive(const char *from)
{
	const char *to = strchr(from, ':') ? LOCAL6 : LOCAL4;

	return arrive_packet(packet_of(from, to, 143), 1);
}

/* The client of `imap` at this address, under a prefix of 128 or /32 of IPv4. */
static inline struct hc_user_key client_at(const char *address)
{
	struct hc_user_key key = {.service = IMAP_ID, .kind = HC_BY_CLIENT, .prefix = 128};

	address_of(key.id, address);
	return key;
}

/* The set of the user table that the user is in, or would be. */
static __u32 set_of(const struct hc_user_key *key)
{
	__u32 zero = 0;
	struct hc_control control;

	map_get(object->maps.control, &zero, &control, 0);
	return user_hash_of(key, control.seed, control.user_sets).set;
}

static void read_set(__u32 index, struct hc_user_set *set)
{
	map_get(object->maps.users, &index, set, BPF_F_LOCK);
}

static inline void write_set(__u32 index, const struct hc_user_set *set)
{
	map_put(object->maps.users, &index, set, BPF_F_LOCK);
}

/* The user's way in its set, or NULL. */
static struct hc_user *user_in(struct hc_user_set *set, const struct hc_user_key *key)
{
	for (int way = 0; way < HC_WAYS; way++)
		if (set->tag[way] && !memcmp(&set->way[way].key, key, sizeof(*key)))
			return &set->way[way];
	return NULL;
}

/* What the kernel knows of the user; all zero if it does not. */
static inline struct hc_user user_read(const struct hc_user_key *key)
{
	struct hc_user_set set;
	struct hc_user *user;

	read_set(set_of(key), &set);
	user = user_in(&set, key);
	return user ? *user : (struct hc_user){};
}

static inline __u32 user_held(const struct hc_user_key *key)
{
	struct hc_user user = user_read(key);

	return hc_user_held(&user);
}

static inline __u32 user_active(const struct hc_user_key *key)
{
	struct hc_user user = user_read(key);

	return hc_user_active(&user);
}

/* As if the user, whom the kernel knows, had so many sessions. */
static inline void user_set_active(const struct hc_user_key *key, __u32 active)
{
	struct hc_user_set set;
	struct hc_user *user;

	read_set(set_of(key), &set);
	user = user_in(&set, key);
	assert_non_null(user);
	user->word += (__s64)active - hc_user_active(user);
	write_set(set_of(key), &set);
}

/* How many users the whole table knows. */
static inline int users_known(void)
{
	__u32 sets = bpf_map__max_entries(object->maps.users);
	struct hc_user_set set;
	int known = 0;

	for (__u32 index = 0; index < sets; index++) {
		read_set(index, &set);
		for (int way = 0; way < HC_WAYS; way++)
			known += !!set.tag[way];
	}
	return known;
}

static inline __u64 lost(enum hc_loss reason)
{
	__u64 losses[HC_LOSS_COUNT];

	assert_int_equal(losses_read(object, losses), 0);
	return losses[reason];
}

/* This process on one CPU: an arrival is a matter of the CPU it came on. Returns
 * why the tests cannot run here, or NULL. */
static const char *prepare(void)
{
	cpu_set_t all, one;
	int cpu = 0;

	if (geteuid())
		return "needs root";
	sched_getaffinity(0, sizeof(all), &all);
	while (!CPU_ISSET(cpu, &all))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		return "cannot stay on one CPU";
	load_quiet();
	return NULL;
}

#define RUN_GATE_TESTS(tests)                                                                  \
	({                                                                                     \
		const char *reason = prepare();                                                \
                                                                                               \
		if (reason)                                                                    \
			printf("1..0 # SKIP %s\n", reason);                                    \
		cmocka_set_message_output(CM_OUTPUT_TAP);                                      \
		reason ? 0 : cmocka_run_group_tests(tests, NULL, NULL);                        \
	})

#endif
