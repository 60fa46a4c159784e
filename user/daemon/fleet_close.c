// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "user/base/clock.h"
#include "user/base/label.h"
#include "user/base/log.h"
#include "user/base/privileges.h"
#include "user/base/thread.h"
#include "user/daemon/fleet_close.h"
#include "user/kernel/fleet_key.h"
#include "user/kernel/policy_caps.h"
#include "user/kernel/state.h"

#define LOOK_MS 50 /* how long the end of the thread may take */
/* For handshakes that had their slot before, and for what could not be closed. */
#define AGAIN_NS NS_PER_SECOND
/* Decisions that are further apart: we were stopped, or the host slept. */
#define STOPPED_NS NS_PER_SECOND

struct fleet_close {
	const struct headcount_bpf *object;
	struct headcount_bpf *walker; /* its own: an errand is of one thread */
	struct closer *closer;
	struct policy *policy; /* as it was read last */
	__u32 shards;
	atomic_uint alone;    /* bits of shards */
	atomic_ullong closed; /* sessions */
	atomic_uint passes;   /* that have closed any */
	atomic_bool stop;
	bool complained; /* once: there may be many */
	pthread_t thread;
	bool started;
	__u64 rounded, awake; /* the last decision; since when they follow each other */
	__u32 returned;       /* passes after which what was idle was to go back */
};

static bool closes(const struct hc_service *service)
{
	return service->used && service->fleet && service->alone == HC_ALONE_CLOSE;
}

static bool is_wanted(void *context, const struct hc_session *session)
{
	const struct fleet_close *closing = context;
	const struct hc_user_key *user = &session->user;

	return !user->elsewhere && user->kind != HC_UNLABELLED &&
	       closes(&closing->policy->services[user->service % HC_SERVICES_MAX]) &&
	       !(session->flags & (HC_S_CONNECTING | HC_S_REFUSED | HC_S_DIVERTED));
}

/* The bit of the user's shard. Whose label nobody knows any more may be of any: all of them. */
static __u32 shards_of(const struct fleet_close *closing, const struct hc_user_key *user)
{
	const __u32 all = (1ull << closing->shards) - 1;
	struct hc_label label;
	struct fleet_key key;
	struct hc_user record;

	if (user->kind != HC_BY_LABEL || label_find(user, &label)) {
		fleet_key_of(closing->policy->services[user->service].name, user, &label, &key);
		return 1u << fleet_key_shard(&key, closing->shards);
	}
	if (state_read_user(closing->object, &closing->policy->control, user, &record) &&
	    record.shard && record.shard <= closing->shards)
		return 1u << (record.shard - 1);
	return all;
}

/* Does a cap of the fleet hold for the user? Who may be spared by an override is. */
static bool is_held(const struct fleet_close *closing, const struct hc_user_key *user)
{
	const struct hc_service *service = &closing->policy->services[user->service];
	struct hc_override override;

	if (policy_cap(closing->object, closing->policy, user) == HC_UNLIMITED)
		return false;
	return policy_special(closing->object, closing->policy, user, &override) != -EAGAIN &&
	       hc_excess_of(service, override.traits) != HC_OBSERVE;
}

/* Whether its host is alone still is looked at for each: the store may be back. */
static bool close_one(struct fleet_close *closing, const struct state_session *row)
{
	const struct hc_user_key *user = &row->session.user;
	const __u32 shards = shards_of(closing, user);
	int closed;

	if (!is_held(closing, user) || shards & ~atomic_load(&closing->alone))
		return false;
	closed = closer_kill(
		closing->closer, closing->walker,
		&(struct hc_kill){.id = row->id, .end = HC_END_ALONE, .session = row->session},
		0);
	if (closed < 0 && closed != -EBUSY && !closing->complained) {
		closing->complained = true;
		hc_error_errno(closed, "cannot close sessions while alone%s",
			       privileges_hint(closed));
	}
	return closed > 0;
}

static bool any_closes(const struct policy *policy)
{
	for (int id = 0; id < HC_SERVICES_MAX; id++)
		if (closes(&policy->services[id]))
			return true;
	return false;
}

static void close_all(struct fleet_close *closing)
{
	struct state_session *rows;
	size_t count, closed = 0;

	if (policy_read(closing->object, closing->policy) || !any_closes(closing->policy) ||
	    state_read_sessions(closing->object, is_wanted, closing, &rows, &count))
		return;
	for (size_t i = 0; i < count && !atomic_load(&closing->stop); i++)
		if (close_one(closing, &rows[i])) {
			atomic_fetch_add(&closing->closed, 1);
			closed++;
		}
	free(rows);
	atomic_fetch_add(&closing->passes, !!closed);
	if (closed)
		hc_notice("fleet: closed %zu sessions: this host is alone, and alone = close",
			  closed);
}

static void *work(void *context)
{
	struct fleet_close *closing = context;
	__u64 due = 0, now;
	__u32 before = 0, alone;

	while (!atomic_load(&closing->stop)) {
		alone = atomic_load(&closing->alone);
		now = clock_monotonic_ns();
		if (alone && (now >= due || alone & ~before)) {
			close_all(closing);
			due = now + AGAIN_NS;
		}
		before = alone;
		clock_sleep_ms(LOOK_MS);
	}
	return NULL;
}

int fleet_close_new(struct fleet_close **result, const struct headcount_bpf *object,
		    __u32 shards)
{
	const struct load_request request = {
		.programs = LOAD_KILL,
		.shared = object,
	};
	struct fleet_close *closing = calloc(1, sizeof(*closing));
	int error;

	*result = closing;
	if (!closing)
		return hc_error_errno(ENOMEM, "cannot join the fleet");
	closing->object = object;
	closing->shards = shards;
	error = policy_read_new(object, &closing->policy);
	return error ?: load_object(&closing->walker, &request);
}

int fleet_close_start(struct fleet_close *closing, struct closer *closer)
{
	int error;

	closing->closer = closer;
	error = thread_start(&closing->thread, work, closing);
	closing->started = !error;
	return error ? hc_error_errno(error, "cannot start a thread") : 0;
}

/* The shards whose lease is over: other hosts may be granted soon what is held here. Not where
 * there never was one, nor where it is our own fault. Whoever was stopped may find the store
 * there, and has to be heard first. */
static __u32 shards_alone(const struct fleet_close *closing, const struct shard *shards,
			  __u32 count, __u64 now)
{
	__u32 alone = 0;

	for (__u32 i = 0; i < count; i++)
		if (shards[i].alone && shards[i].had_lease && !shards[i].faulty &&
		    now - closing->awake >= shards[i].host.settings.patience)
			alone |= 1u << i;
	return alone;
}

/* What is idle is to go back with the next message, and once more when something was closed: by
 * then a message may have said that it was in use. */
__u64 fleet_close_decide(struct fleet_close *closing, struct shard *shards, __u32 count,
			 bool wanted, __u64 now)
{
	const __u32 before = atomic_load(&closing->alone),
		    passes = atomic_load(&closing->passes);
	__u32 closes;

	if (now - closing->rounded > STOPPED_NS)
		closing->awake = now;
	closing->rounded = now;
	closes = wanted ? shards_alone(closing, shards, count, now) : 0;
	for (__u32 i = 0; i < count; i++)
		if ((passes != closing->returned ? closes | before : closes & ~before) &
		    1u << i)
			shard_return(&shards[i]);
	closing->returned = passes;
	atomic_store(&closing->alone, closes);
	return atomic_load(&closing->closed);
}

__u64 fleet_close_until(const struct shard *shards, __u32 count, __u64 now, __u64 until)
{
	for (__u32 i = 0; i < count; i++) {
		const __u64 deadline = shards[i].host.deadline;

		until = now < deadline && deadline < until ? deadline : until;
	}
	return until;
}

void fleet_close_free(struct fleet_close *closing)
{
	if (!closing)
		return;
	atomic_store(&closing->stop, true);
	if (closing->started)
		pthread_join(closing->thread, NULL);
	headcount_bpf__destroy(closing->walker);
	free(closing->policy);
	free(closing);
}
