// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "user/base/clock.h"
#include "user/base/label.h"
#include "user/base/log.h"
#include "user/base/thread.h"
#include "user/daemon/fleet.h"
#include "user/daemon/fleet_close.h"
#include "user/daemon/fleet_shard.h"
#include "user/daemon/fleet_tell.h"
#include "user/kernel/fleet_key.h"
#include "user/kernel/state.h"

#define NEWS_MAX 64
#define LEAVE_NS NS_PER_SECOND /* how long the store may take to hear that we leave */

struct fleet {
	const struct headcount_bpf *object;
	struct shard_common common;
	struct shard *shards;
	__u32 count;
	__u32 members; /* as the kernel part knows them */
	__u64 insisted;
	__u32 live; /* bits of shards whose lease was live when it was looked at last */
	struct fleet_close *closing;
	struct fleet_teller teller;
	pthread_t thread;
	bool started, leaves;
	atomic_bool stop;
	atomic_uint alone; /* enum hc_alone */

	pthread_mutex_t lock; /* of the news */
	struct print_fleet news[NEWS_MAX];
	__u32 news_first;
	atomic_uint news_count;
};

/* What is not taken in time goes: the log has it. */
static void take_news(void *context, const struct print_fleet *news)
{
	struct fleet *fleet = context;

	pthread_mutex_lock(&fleet->lock);
	if (fleet->news_count == NEWS_MAX) {
		fleet->news_first++;
		fleet->news_count--;
	}
	fleet->news[(fleet->news_first + fleet->news_count++) % NEWS_MAX] = *news;
	pthread_mutex_unlock(&fleet->lock);
}

bool fleet_take_news(struct fleet *fleet, struct print_fleet *news)
{
	bool any;

	if (!fleet || !atomic_load(&fleet->news_count))
		return false;
	pthread_mutex_lock(&fleet->lock);
	any = fleet->news_count;
	if (any) {
		*news = fleet->news[fleet->news_first++ % NEWS_MAX];
		fleet->news_count--;
	}
	pthread_mutex_unlock(&fleet->lock);
	return any;
}

/* Whose user it is in the fleet; NULL: it is none of a fleet's, or nobody knows its label. */
static struct shard *shard_of(struct fleet *fleet, const struct hc_user_key *user,
			      const struct hc_label *label, struct fleet_key *key)
{
	struct hc_label found;

	if (!shard_serves(&fleet->common, user))
		return NULL;
	if (user->kind == HC_BY_LABEL && (!label || !*label->text)) {
		if (!label_find(user, &found))
			return NULL;
		label = &found;
	}
	fleet_key_of(fleet->common.policy->services[user->service].name, user, label, key);
	return &fleet->shards[fleet_key_shard(key, fleet->count)];
}

static void hear(void *context, const struct hc_ask *ask)
{
	struct fleet *fleet = context;
	struct fleet_key key;
	struct shard *shard = shard_of(fleet, &ask->user, &ask->label, &key);
	const __u64 now = clock_ns(CLOCK_BOOTTIME);

	if (!shard)
		return;
	shard_want(shard, &key, &ask->user, ask->cap, ask->need, now);
	shard_ask_of_crowd(shard, &key, ask, now);
	if (ask->id)
		shard_watch(shard, &(struct shard_late){.key = key,
							.user = ask->user,
							.ends = ask->ends,
							.id = ask->id,
							.time_ns = now});
}

/* What the record says of it is of the policy in force, unless nothing happened to it since. */
static bool has_no_cap(const struct fleet *fleet, const struct hc_user *user)
{
	return user->generation == fleet->common.policy->control.generation &&
	       !(user->traits & HC_OF_FLEET);
}

/* Units that a daemon before has left for somebody who is not known: no lease of ours is for
 * them.
 */
static int forget(struct fleet *fleet, const struct hc_user *user)
{
	__u32 taken;

	return fleet_words_set_units(fleet->common.words, &user->key, 0, 0, &taken);
}

/* Calls `what` for each user of the fleet that the kernel part knows to hold something, or,
 * with `units`, to have had units once: of which shard is to be said anew. */
static int for_each_user(struct fleet *fleet, bool units,
			 void (*what)(struct fleet *fleet, struct shard *shard,
				      const struct fleet_key *key, const struct hc_user *user))
{
	struct state_user *users = NULL;
	struct fleet_key key;
	struct shard *shard;
	size_t count = 0;
	int error = state_read_users(fleet->object, &users, &count);

	for (size_t i = 0; i < count; i++) {
		const struct hc_user *user = &users[i].user;

		if (!HC_USER_TAKEN(user->word) && !(units && user->shard))
			continue;
		shard = has_no_cap(fleet, user) ? NULL
						: shard_of(fleet, &user->key, NULL, &key);
		if (shard)
			what(fleet, shard, &key, user);
		else if (units && user->units)
			error = forget(fleet, user) ?: error;
	}
	free(users);
	return error;
}

static void add(struct fleet *fleet, struct shard *shard, const struct fleet_key *key,
		const struct hc_user *user)
{
	(void)fleet;
	shard_add(shard, key, &user->key, user->cap);
}

/* Sessions that the store does not know of are told to it. */
static void catch_up(struct fleet *fleet, struct shard *shard, const struct fleet_key *key,
		     const struct hc_user *user)
{
	const __u32 index = fleet_table_find(&shard->host.table, key);
	const __u32 units = index == FLEET_NONE ? 0 : shard->host.table.users[index].units;
	const __u32 taken = HC_USER_TAKEN(user->word);

	(void)fleet;
	if (taken > units)
		shard_want(shard, key, &user->key, user->cap, taken, clock_ns(CLOCK_BOOTTIME));
}

/* The policy in force; true: it is another one. */
static bool know_policy(struct fleet *fleet)
{
	struct policy *policy = fleet->common.policy;
	struct hc_control control;
	__u32 zero = 0;

	if (bpf_map_lookup_elem(bpf_map__fd(fleet->object->maps.control), &zero, &control) ||
	    control.generation == policy->control.generation)
		return false;
	return !policy_read(fleet->object, policy);
}

/* While this host was alone, the kernel part asked for nobody; and a reload may have made a
 * service the fleet's. */
static void look_again(struct fleet *fleet, __u64 now)
{
	bool again = know_policy(fleet);
	__u32 live = 0;

	for (__u32 i = 0; i < fleet->count && again; i++)
		shard_drop(&fleet->shards[i]);
	for (__u32 i = 0; i < fleet->count; i++)
		live |= (__u32)(now < fleet->shards[i].host.deadline) << i;
	again |= !!(live & ~fleet->live);
	fleet->live = live;
	if (again)
		for_each_user(fleet, false, catch_up);
}

static void tell_answers(struct fleet *fleet, __u64 now)
{
	for (__u32 i = 0; i < fleet->count; i++)
		fleet_words_set_answers(fleet->common.words, i,
					shard_answers(&fleet->shards[i], now));
}

static void insist(struct fleet *fleet, __u64 now)
{
	if (now - fleet->insisted < NS_PER_SECOND)
		return;
	fleet->insisted = now;
	for (__u32 i = 0; i < fleet->count; i++)
		shard_insist(&fleet->shards[i], now);
}

/* As many as there were last: who is alone divides by them. */
static void count_members(struct fleet *fleet)
{
	__u32 members = 0;

	for (__u32 i = 0; i < fleet->count; i++)
		if (fleet->shards[i].host.peers.count > members)
			members = fleet->shards[i].host.peers.count;
	if (!members || members == fleet->members)
		return;
	fleet->members = members;
	fleet_words_set_members(fleet->common.words, members);
}

/* Waits for asks, answers and what is due. */
static void go_round(struct fleet *fleet)
{
	struct pollfd polls[1 + HC_SHARDS_MAX * STORE_POLLS];
	size_t counts[HC_SHARDS_MAX], used = 1;
	__u64 now = clock_ns(CLOCK_BOOTTIME), until = now + 100 * NS_PER_MS, own;
	struct timespec patience;

	polls[0] = (struct pollfd){fleet_words_fd(fleet->common.words), POLLIN, 0};
	for (__u32 i = 0; i < fleet->count; i++) {
		if (!fleet->shards[i].faulty) /* nothing idle is to be found out there */
			fleet_tick(&fleet->shards[i].host, now);
		counts[i] = store_poll(fleet->shards[i].store, polls + used, now, &own);
		used += counts[i];
		until = own < until ? own : until;
	}
	if (atomic_load(&fleet->alone) == HC_ALONE_CLOSE)
		until = fleet_close_until(fleet->shards, fleet->count, now, until);
	patience = clock_timespec(until > now ? until - now : 0);
	ppoll(polls, used, &patience, NULL);
	fleet_words_hear(fleet->common.words);
	now = clock_ns(CLOCK_BOOTTIME);
	used = 1;
	for (__u32 i = 0; i < fleet->count; i++) {
		store_handle(fleet->shards[i].store, polls + used, counts[i], now);
		used += counts[i];
	}
}

static void leave(struct fleet *fleet)
{
	const __u64 until = clock_ns(CLOCK_BOOTTIME) + LEAVE_NS;
	bool left = false;

	for (__u32 i = 0; i < fleet->count; i++)
		fleet_leave(&fleet->shards[i].host);
	while (!left && clock_ns(CLOCK_BOOTTIME) < until) {
		go_round(fleet);
		left = true;
		for (__u32 i = 0; i < fleet->count; i++)
			left &= store_has_left(fleet->shards[i].store);
	}
}

static void *work(void *context)
{
	struct fleet *fleet = context;
	__u64 now;

	while (!atomic_load(&fleet->stop)) {
		go_round(fleet);
		now = clock_ns(CLOCK_BOOTTIME);
		count_members(fleet);
		look_again(fleet, now);
		insist(fleet, now);
		tell_answers(fleet, now);
		fleet->teller.status.alone = atomic_load(&fleet->alone);
		fleet_tell(&fleet->teller, fleet->shards, fleet->count, &fleet->common, now);
		fleet->common.closed_alone =
			fleet_close_decide(fleet->closing, fleet->shards, fleet->count,
					   atomic_load(&fleet->alone) == HC_ALONE_CLOSE, now);
	}
	fleet_words_set_shards(fleet->common.words, fleet->count); /* nobody is there to hear */
	if (fleet->leaves) {
		leave(fleet);
		fleet_tell_end(&fleet->teller);
	}
	return NULL;
}

int fleet_check(const struct config *config)
{
	const char *const paths[] = {config->fleet.tls_ca, config->fleet.tls_cert,
				     config->fleet.tls_key};

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		if (paths[i] && access(paths[i], R_OK))
			return hc_error_errno(errno, "cannot read %s", paths[i]);
	return 0;
}

int fleet_new(struct fleet **result, const struct headcount_bpf *object,
	      const struct config *config)
{
	struct fleet *fleet = calloc(1, sizeof(*fleet));
	int error;

	*result = fleet;
	if (!fleet)
		return hc_error_errno(ENOMEM, "cannot join the fleet");
	pthread_mutex_init(&fleet->lock, NULL);
	fleet->object = object;
	fleet->common.object = object;
	fleet->teller.object = object;
	fleet->teller.take = take_news;
	fleet->teller.context = fleet;
	snprintf(fleet->teller.status.name, sizeof(fleet->teller.status.name), "%.*s",
		 HC_FLEET_NAME - 1, config->fleet.name);
	fleet_set(fleet, config);
	fleet->shards = calloc(config->fleet.store_count, sizeof(*fleet->shards));
	if (!fleet->shards)
		return hc_error_errno(ENOMEM, "cannot join the fleet");
	error = policy_read_new(object, &fleet->common.policy);
	error = error ?: fleet_words_open(&fleet->common.words, object, hear, fleet);
	error = error ?: fleet_close_new(&fleet->closing, object, config->fleet.store_count);
	for (; fleet->count < config->fleet.store_count && !error; fleet->count++)
		error = shard_open(&fleet->shards[fleet->count], &fleet->common, fleet->count,
				   config);
	return error;
}

int fleet_start(struct fleet *fleet, struct closer *closer)
{
	int error;

	fleet->common.closer = closer;
	know_policy(fleet);
	for (__u32 i = 0; i < fleet->count; i++) /* a daemon before us may have had one */
		fleet->shards[i].had_lease = fleet_words_deadline(fleet->common.words, i);
	for (__u32 i = fleet->count; i < HC_SHARDS_MAX; i++)
		fleet_words_set_deadline(fleet->common.words, i, 0);
	fleet_words_set_shards(fleet->common.words, fleet->count);
	error = for_each_user(fleet, true, add);
	if (error)
		return error;
	error = fleet_close_start(fleet->closing, closer);
	if (error)
		return error;
	error = thread_start(&fleet->thread, work, fleet);
	fleet->started = !error;
	return error ? hc_error_errno(error, "cannot start a thread") : 0;
}

void fleet_set(struct fleet *fleet, const struct config *config)
{
	if (fleet)
		atomic_store(&fleet->alone, config->fleet.alone);
}

void fleet_free(struct fleet *fleet, bool leaves)
{
	if (!fleet)
		return;
	fleet->leaves = leaves;
	atomic_store(&fleet->stop, true);
	if (fleet->started)
		pthread_join(fleet->thread, NULL);
	fleet_close_free(fleet->closing);
	for (__u32 i = 0; fleet->shards && i < fleet->count; i++)
		shard_close(&fleet->shards[i]);
	free(fleet->shards);
	fleet_words_close(fleet->common.words);
	free(fleet->common.policy);
	pthread_mutex_destroy(&fleet->lock);
	free(fleet);
}
