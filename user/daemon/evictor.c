// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "attempt.h"
#include "sets.h"
#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/base/privileges.h"
#include "user/base/thread.h"
#include "user/daemon/evictor.h"
#include "user/daemon/sweep.h"
#include "user/evict/serve.h"
#include "user/kernel/fleet_words.h"
#include "user/kernel/losses.h"
#include "user/kernel/policy_caps.h"
#include "user/kernel/state.h"

#define LOOK_MS     200           /* how long the end of the thread may take */
#define GATHER_MS   5             /* newcomers that come together are looked after together */
#define RESTS       4             /* times as long as it has worked, */
#define REST_MAX_NS NS_PER_SECOND /* and no longer than until the next SYN of who waits */
#define PATIENCE_NS (60 * NS_PER_SECOND) /* what failed is not tried again sooner */
#define LEASE_NS    (2 * NS_PER_SECOND)  /* from when on nobody asks who does not answer */

struct evictor {
	struct evictor_tools tools;
	struct headcount_bpf *walker; /* its own: an errand is of one thread */
	struct ring_buffer *ring;
	pthread_t thread;
	bool started;
	atomic_bool stop;
	bool complained; /* once: there may be many */
	__u64 since_ns;
	pthread_mutex_t lock; /* held while it is at work */
	struct policy policy; /* as it was read last */
	struct evict evict;
	struct evict_pleas pleas;
	struct walk_sockets found; /* by the last walk */
	__u64 patience_ns;
	__u64 *each_cpu;         /* room for a number of each */
	__u64 in_vain, held_off; /* that the losses have */
	__u64 looks;             /* after which it has rested */
};

static int hear(void *context, void *data, size_t size)
{
	struct evictor *evictor = context;
	const struct hc_plea *plea = data;

	/* Who asked the daemon before us has had an answer, or asks again. */
	if (size != sizeof(*plea) || plea->time_ns < evictor->since_ns)
		return 0;
	/* The rest stays in the ring until these are looked after. */
	return evict_hear(&evictor->pleas, &plea->user, &plea->ends, plea->time_ns) ? 0
										    : -EAGAIN;
}

/* The policy in force; false: it cannot be read. */
static bool know_policy(struct evictor *evictor)
{
	const struct headcount_bpf *object = evictor->tools.object;
	struct hc_control control;
	__u32 zero = 0;

	if (bpf_map_lookup_elem(bpf_map__fd(object->maps.control), &zero, &control))
		return false;
	return control.generation == evictor->policy.control.generation ||
	       !policy_read(object, &evictor->policy);
}

/* `active` of `limit`, the lesser if there are more limits than one. Not what handshakes hold,
 * which anybody can begin in the user's name, and which comes back by itself. */
static void know_slots(struct evict_user *known, __u32 active, __u32 limit)
{
	__u32 spare = active < limit ? limit - active : 0;

	known->beyond |= active > limit;
	if (known->spare_slots > spare)
		known->spare_slots = spare;
}

/* What the user, and all together, may have and have. */
static void know_room(const struct evictor *evictor, const struct hc_user_key *user,
		      struct evict_user *known)
{
	const struct hc_service *service = &evictor->policy.services[user->service];
	const struct headcount_bpf *object = evictor->tools.object;
	struct hc_service_state state;
	__u32 id = user->service;
	struct hc_user record;

	known->spare_slots = HC_UNLIMITED; /* he has no session: nothing is to be evicted */
	if (!state_read_user(object, &evictor->policy.control, user, &record))
		return;
	know_slots(known, hc_user_active(&record), fleet_words_limit(object, service, &record));
	if (service->total == HC_UNLIMITED || record.traits & HC_EXEMPT ||
	    bpf_map_lookup_elem_flags(bpf_map__fd(object->maps.service_states), &id, &state,
				      BPF_F_LOCK))
		return;
	know_slots(known, state.slots.active, service->total);
}

static bool know(void *context, const struct hc_user_key *user, struct evict_user *known)
{
	struct evictor *evictor = context;
	const struct hc_service *service;
	struct hc_override override;
	int error;

	if (user->service >= HC_SERVICES_MAX || !know_policy(evictor))
		return false;
	service = &evictor->policy.services[user->service];
	if (!service->used)
		return false;
	error = policy_special(evictor->tools.object, &evictor->policy, user, &override);
	if (hc_excess_of(service, override.traits) != HC_EVICT)
		return false; /* any more */
	known->terms.idle_ms = service->evict_idle * 1000ull;
	/* Perhaps he is, if nobody knows his label any more. */
	known->terms.spared = error == -EAGAIN || override.idle == HC_UNLIMITED;
	known->rate = service->evict_rate;
	know_room(evictor, user, known);
	return true;
}

static int look(void *context, const struct evict_pleas *pleas,
		const struct hc_socket **sockets, size_t *count)
{
	struct evictor *evictor = context;
	struct sweep sweep = {evictor->walker, evictor->tools.helper, evictor->tools.netns};
	struct hc_wanted wanted = {};
	struct walk_wish wish = {.wanted = &wanted};
	int error;

	for (size_t i = 0; i < pleas->count; i++) {
		__u32 bit = wanted_bit(&pleas->cases[i].user);

		wanted.bits[bit / 64] |= 1ull << bit % 64;
	}
	walk_free(&evictor->found);
	if (clock_monotonic_ns() < evictor->patience_ns)
		return -EAGAIN;
	error = sweep_sockets(&sweep, &wish, &evictor->found);
	if (error && error != NETNS_HELPER_SILENT)
		evictor->patience_ns = clock_monotonic_ns() + PATIENCE_NS;
	*sockets = evictor->found.rows;
	*count = evictor->found.count;
	/* What was seen is true, wherever else could not be looked. */
	return evictor->found.count ? 0 : error;
}

static int close_one(void *context, const struct evict_choice *choice,
		     const struct evict_newcomer *newcomer)
{
	struct evictor *evictor = context;
	const struct hc_socket *socket = choice->socket;
	struct hc_kill kill = {
		.id = socket->id,
		.end = HC_END_EVICTED,
		.evidence = choice->evidence,
		.unanswered = socket->peer.unanswered < 255 ? socket->peer.unanswered : 255,
		.idle = socket->idle,
		.unheard_ticks = socket->peer.heard_ticks,
		.newcomer_port = newcomer->ends.remote_port,
		.session = socket->session,
	};
	struct tcp_info info;
	int closed, error;

	/* The walk may have taken long. */
	error = closer_ask(evictor->tools.closer, socket, &info);
	if (error ? error != -ENOENT : !evict_confirm(choice, &info))
		return -EAGAIN;
	memcpy(kill.newcomer, newcomer->ends.remote, sizeof(kill.newcomer));
	closed = closer_kill(evictor->tools.closer, evictor->walker, &kill, socket->device);
	if (closed < 0 && closed != -EBUSY && !evictor->complained) {
		evictor->complained = true;
		hc_error_errno(closed, "cannot evict sessions%s", privileges_hint(closed));
	}
	return closed;
}

static void refuse(void *context, const struct hc_user_key *user, __u64 until_ns)
{
	const struct evictor *evictor = context;

	bpf_map_update_elem(bpf_map__fd(evictor->tools.object->maps.barren), user, &until_ns,
			    BPF_ANY);
}

/* As if the attempt had waited for as long as it may; the packet after that is another's. */
static void send_off(void *context, const struct hc_user_key *user, const struct hc_ends *ends)
{
	const struct evictor *evictor = context;
	__u64 now = clock_monotonic_ns();
	__u64 waited_ns = evictor->policy.services[user->service].wait_max * NS_PER_SECOND;
	struct hc_waiting waiting = {.first_ns = now - waited_ns, .last_ns = now, .told = 1};
	struct hc_attempt attempt = {.remote_port = ends->remote_port,
				     .local_port = ends->local_port,
				     .netns = ends->netns};

	memcpy(attempt.remote, ends->remote, sizeof(attempt.remote));
	bpf_map_update_elem(bpf_map__fd(evictor->tools.object->maps.waiting), &attempt,
			    &waiting, BPF_ANY);
}

static __u64 now_ns(void *context)
{
	(void)context;
	return clock_monotonic_ns();
}

/* We alone count these. */
static void count_losses(struct evictor *evictor)
{
	const struct headcount_bpf *object = evictor->tools.object;

	losses_add(object, HC_LOSS_EVICT_NONE, evictor->evict.in_vain - evictor->in_vain,
		   evictor->each_cpu);
	losses_add(object, HC_LOSS_EVICT_RATE, evictor->evict.held_off - evictor->held_off,
		   evictor->each_cpu);
	evictor->in_vain = evictor->evict.in_vain;
	evictor->held_off = evictor->evict.held_off;
}

/* Who asks is answered until then. */
static void promise(const struct evictor *evictor, __u64 until_ns)
{
	__u32 zero = 0;

	bpf_map_update_elem(bpf_map__fd(evictor->tools.object->maps.evicting), &zero, &until_ns,
			    BPF_ANY);
}

/* However many users ask, most of the time nothing is walked: they gather meanwhile. */
static void rest(struct evictor *evictor, __u64 began_ns)
{
	__u64 rest_ns = RESTS * (clock_monotonic_ns() - began_ns);

	if (evictor->evict.looks != evictor->looks)
		clock_sleep_ms((rest_ns < REST_MAX_NS ? rest_ns : REST_MAX_NS) / NS_PER_MS);
	evictor->looks = evictor->evict.looks;
}

static void *work(void *context)
{
	struct evictor *evictor = context;
	__u64 began_ns;
	const struct evict_world world = {evictor, know,     look,  close_one,
					  refuse,  send_off, now_ns};

	while (!atomic_load(&evictor->stop)) {
		promise(evictor, clock_monotonic_ns() + LEASE_NS);
		ring_buffer__poll(evictor->ring, LOOK_MS);
		if (!evictor->pleas.count)
			continue;
		clock_sleep_ms(GATHER_MS);
		ring_buffer__consume(evictor->ring);
		began_ns = clock_monotonic_ns();
		pthread_mutex_lock(&evictor->lock);
		evict_serve(&evictor->evict, &evictor->pleas, &world);
		pthread_mutex_unlock(&evictor->lock);
		count_losses(evictor);
		rest(evictor, began_ns);
	}
	promise(evictor, 0);
	return NULL;
}

int evictor_new(struct evictor **result, const struct headcount_bpf *object)
{
	const struct load_request request = {
		.programs = LOAD_WALK_SOCKETS | LOAD_KILL,
		.shared = object,
		.adopt = true,
	};
	struct evictor *evictor = calloc(1, sizeof(*evictor));

	*result = evictor;
	if (!evictor)
		return hc_error_errno(ENOMEM, "cannot evict sessions");
	pthread_mutex_init(&evictor->lock, NULL);
	evictor->each_cpu = calloc(libbpf_num_possible_cpus(), sizeof(*evictor->each_cpu));
	if (!evictor->each_cpu)
		return hc_error_errno(ENOMEM, "cannot evict sessions");
	evictor->ring = ring_buffer__new(bpf_map__fd(object->maps.pleas), hear, evictor, NULL);
	if (!evictor->ring)
		return hc_error_errno(errno, "cannot map the ring pleas");
	return load_object(&evictor->walker, &request);
}

int evictor_start(struct evictor *evictor, const struct evictor_tools *tools)
{
	int error;

	if (evictor->started)
		return 0;
	evictor->tools = *tools;
	evictor->since_ns = clock_monotonic_ns();
	error = thread_start(&evictor->thread, work, evictor);
	evictor->started = !error;
	return error ? hc_error_errno(error, "cannot start a thread") : 0;
}

void evictor_pause(struct evictor *evictor)
{
	if (evictor)
		pthread_mutex_lock(&evictor->lock);
}

void evictor_resume(struct evictor *evictor)
{
	if (evictor)
		pthread_mutex_unlock(&evictor->lock);
}

void evictor_free(struct evictor *evictor)
{
	if (!evictor)
		return;
	atomic_store(&evictor->stop, true);
	if (evictor->started)
		pthread_join(evictor->thread, NULL);
	ring_buffer__free(evictor->ring);
	headcount_bpf__destroy(evictor->walker);
	walk_free(&evictor->found);
	free(evictor->each_cpu);
	pthread_mutex_destroy(&evictor->lock);
	free(evictor);
}
