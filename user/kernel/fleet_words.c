// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/kernel/fleet_words.h"
#include "user/kernel/load.h"
#include "user/kernel/walk.h"

struct fleet_words {
	struct headcount_bpf *object;
	struct hc_fleet *shared; /* mapped: the programs read it */
	struct ring_buffer *ring;
	fleet_words_ask *ask;
	void *context;
	struct hc_ask *gathered; /* out of the ring; those before `handed` have been heard */
	__u32 count, handed;
	bool complained; /* once: what fails is asked for again and again */
};

/* So many at once: a flood of asks does not keep leases from being renewed. */
#define HEAR_MAX 1000

static int gather(void *context, void *data, size_t size)
{
	struct fleet_words *words = context;
	const struct hc_ask *ask = data;

	if (size == sizeof(*ask))
		words->gathered[words->count++] = *ask;
	return words->count < HEAR_MAX ? 0 : -EAGAIN;
}

static int map_words(struct fleet_words *words)
{
	void *mapped = mmap(NULL, sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE, MAP_SHARED,
			    bpf_map__fd(words->object->maps.fleet), 0);

	if (mapped == MAP_FAILED)
		return hc_error_errno(errno, "cannot map the map fleet");
	words->shared = mapped;
	words->ring =
		ring_buffer__new(bpf_map__fd(words->object->maps.asks), gather, words, NULL);
	return words->ring ? 0 : hc_error_errno(errno, "cannot read the ring asks");
}

int fleet_words_open(struct fleet_words **result, const struct headcount_bpf *shared,
		     fleet_words_ask *ask, void *context)
{
	struct load_request request = {.programs = LOAD_SET_UNITS, .shared = shared};
	struct fleet_words *words = calloc(1, sizeof(*words));
	int error;

	*result = NULL;
	if (!words)
		return hc_error_errno(ENOMEM, "cannot open the words of the fleet");
	words->ask = ask;
	words->context = context;
	words->gathered = calloc(HEAR_MAX, sizeof(*words->gathered));
	if (!words->gathered) {
		free(words);
		return hc_error_errno(ENOMEM, "cannot open the words of the fleet");
	}
	error = load_object(&words->object, &request);
	error = error ?: map_words(words);
	if (error)
		fleet_words_close(words);
	else
		*result = words;
	return error;
}

void fleet_words_close(struct fleet_words *words)
{
	if (!words)
		return;
	ring_buffer__free(words->ring);
	if (words->shared)
		munmap(words->shared, sysconf(_SC_PAGESIZE));
	headcount_bpf__destroy(words->object);
	free(words->gathered);
	free(words);
}

static int complain(struct fleet_words *words, int error, const char *what)
{
	if (!words->complained)
		hc_error_errno(error, "cannot %s", what);
	words->complained = true;
	return error;
}

int fleet_words_set_units(struct fleet_words *words, const struct hc_user_key *user,
			  __u32 shard, __u32 units, __u32 *taken)
{
	struct hc_units *order = &words->object->bss->errand.units;
	int error;

	*order = (struct hc_units){.user = *user, .units = units, .shard = shard};
	error = walk_run(words->object->progs.set_units, 1);
	if (error)
		return complain(words, error, "set a user's units");
	*taken = order->taken;
	return order->missing && units ? -ENOSPC : 0;
}

int fleet_words_sessions(struct fleet_words *words, const struct hc_user_key *user,
			 __u32 *taken)
{
	struct hc_units *order = &words->object->bss->errand.units;
	int error;

	*order = (struct hc_units){.user = *user, .looks = true};
	error = walk_run(words->object->progs.set_units, 1);
	if (error)
		return complain(words, error, "read a user's sessions");
	*taken = order->taken;
	return 0;
}

/* Each word is read alone, at any time. */
void fleet_words_set_deadline(struct fleet_words *words, __u32 shard, __u64 deadline)
{
	__atomic_store_n(&words->shared->deadline[shard], deadline, __ATOMIC_SEQ_CST);
}

__u64 fleet_words_deadline(const struct fleet_words *words, __u32 shard)
{
	return __atomic_load_n(&words->shared->deadline[shard], __ATOMIC_SEQ_CST);
}

void fleet_words_set_members(struct fleet_words *words, __u32 members)
{
	__atomic_store_n(&words->shared->members, members, __ATOMIC_SEQ_CST);
}

void fleet_words_set_shards(struct fleet_words *words, __u32 shards)
{
	for (__u32 i = 0; i < HC_SHARDS_MAX; i++)
		fleet_words_set_answers(words, i, 0);
	__atomic_store_n(&words->shared->shards, shards, __ATOMIC_SEQ_CST);
}

void fleet_words_set_answers(struct fleet_words *words, __u32 shard, __u64 until)
{
	__atomic_store_n(&words->shared->answers[shard], until, __ATOMIC_SEQ_CST);
}

void fleet_words_set_short(struct fleet_words *words, const struct hc_user_key *user,
			   __u64 until_ns)
{
	int fd = bpf_map__fd(words->object->maps.short_of);

	/* Without it the user asks again. */
	if (until_ns)
		bpf_map_update_elem(fd, user, &until_ns, BPF_ANY);
	else
		bpf_map_delete_elem(fd, user);
}

__u32 fleet_words_limit(const struct headcount_bpf *object, const struct hc_service *service,
			const struct hc_user *user)
{
	struct hc_fleet fleet = {};
	__u32 zero = 0;

	/* All zero: no lease is live. */
	if (user->traits & HC_OF_FLEET)
		bpf_map_lookup_elem(bpf_map__fd(object->maps.fleet), &zero, &fleet);
	return hc_user_limit(user, service, &fleet, clock_ns(CLOCK_BOOTTIME));
}

int fleet_words_fd(const struct fleet_words *words)
{
	return ring_buffer__epoll_fd(words->ring);
}

__u32 fleet_words_gather(struct fleet_words *words)
{
	if (words->count < HEAR_MAX)
		ring_buffer__consume(words->ring);
	return words->count - words->handed;
}

const struct hc_ask *fleet_words_gathered(const struct fleet_words *words, __u32 i)
{
	return &words->gathered[words->handed + i];
}

void fleet_words_hear(struct fleet_words *words)
{
	while (fleet_words_gather(words))
		words->ask(words->context, &words->gathered[words->handed++]);
	words->count = words->handed = 0;
}
