/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Walks over our own tables. User space runs their programs as often as a table has sets: each
 * run takes the next one, so that the kernel can do something else between two of them.
 *
 *   walk_sessions  every session: to the service it belongs to after a reload; and
 *                  those that walk_sockets found are announced, now with a name
 *   walk_users     refusals that were counted but not reported yet
 *   walk_repairs   what `audit --repair` found
 */
#ifndef HEADCOUNT_TABLES_H
#define HEADCOUNT_TABLES_H

#include "ending.h"
#include "label.h"

/* Does a session of the user take a slot of the total, by the policy of now? In a frame of its
 * own, as the key that the limits are looked up by is large. */
static __noinline bool walk_total_holds(const struct hc_user_key *user, __u32 position)
{
	struct claim claim = {};
	const struct hc_control *policy = policy_control();
	const struct hc_service *service;
	__u32 generation;

	if (!policy)
		return false;
	generation = policy_generation(policy);
	service = policy_service(generation, user->service);
	/* Most services have no total: nothing to look up. */
	if (!service || !total_holds(service, user, 0))
		return false;
	if (user->kind == HC_BY_LABEL)
		name_limits(&claim, user, position);
	else
		claim.traits = LIMITS_TRAITS(users_limits(user, generation));
	return !(claim.traits & HC_EXEMPT);
}

/* The session takes a slot of its service's total, or gives it back; all else stays. */
static __always_inline void walk_total(struct hc_session *session, __u64 before)
{
	struct hc_service_state *state = total_state(charge_service(before));
	__u64 after = before ^ HC_CHARGE_TOTAL;
	bool takes = after & HC_CHARGE_TOTAL, done;

	if (!state)
		return;
	if (takes)
		active_add(&state->slots, 1);
	/* Lost against the session's end: that released the charge as it was. */
	done = __sync_val_compare_and_swap(&session->charge, before, after) == before;
	if (takes != done)
		active_take(&state->slots);
}

/* In the index of labels, or not any more, by the policy of now. `was`: it had an entry. */
static __always_inline void walk_index(__u64 id, const struct hc_session *session, bool was,
				       const struct hc_user_key *user, bool labelled)
{
	if (user->kind >= HC_BY_LABEL && !user->elsewhere)
		label_index_add(id, session, true, labelled);
	else if (was)
		label_index_drop(id, session);
}

/* The record that a labelled session's user has now knows its label, as that of before does. */
static __noinline void walk_name(__u64 before, __u64 after, const struct hc_user_key *user)
{
	const struct hc_label *label = name_at(charge_position(before));

	if (label)
		name_note(charge_position(after), user, label);
}

/*
 * Moves a session that was charged under another policy. Whose it is is what its charge says:
 * if that changes meanwhile, the compare-and-swap fails. In the index it comes last: its end
 * looks there if the user that it is charged to is by label.
 */
static __noinline void walk_move(__u64 id, struct hc_session *session)
{
	struct claim claim = {.now = bpf_ktime_get_ns()};
	struct hc_user_key user; /* not a copy of the session: the stack is full */
	struct hc_user_set *set;
	/* Behind a barrier: what is read after it is of this session, or the swap fails. */
	__u64 before = __sync_fetch_and_add(&session->charge, 0), after;
	const struct hc_user *holder = user_at(charge_position(before), &set);
	const struct hc_service *service = session_identify(session, &user);
	bool was = session->user.kind >= HC_BY_LABEL, labelled;

	if (!holder || !service || !charge_is_of(before, id))
		return;
	labelled = holder->key.kind == HC_BY_LABEL;
	session_set_up(session, service);
	if (user.kind == HC_UNLABELLED && labelled) {
		user.kind = HC_BY_LABEL; /* it keeps its label */
		user.prefix = 0;
		user.word[0] = holder->key.word[0];
		user.word[1] = holder->key.word[1];
		name_limits(&claim, &user, charge_position(before));
	}
	if (user_same(&user, &holder->key)) {
		walk_index(id, session, was, &user, labelled);
		if (walk_total_holds(&user, charge_position(before)) !=
		    !!(before & HC_CHARGE_TOTAL))
			walk_total(session, before);
		return;
	}
	after = user_charge(&claim, &user, service, NOTHING, id, CHARGE);
	if (!after)
		return;
	if (user.kind == HC_BY_LABEL)
		walk_name(before, after, &user);
	/* Lost against the session's end: it released the old charge, and nobody
	 * but us knows of the new one. */
	if (__sync_val_compare_and_swap(&session->charge, before, after) != before) {
		user_discharge(after, claim.now);
		return;
	}
	session_settle(session);
	walk_index(id, session, was, &user, labelled);
	user_discharge(before, claim.now);
}

static __noinline void walk_session(__u64 id, struct hc_session *session)
{
	const struct hc_listener *listener;

	walk_move(id, session);
	if (!session->pid && session->direction == HC_INBOUND) {
		listener = listener_of(session->ends.netns, session->ends.local,
				       session->ends.local_port);
		if (listener) {
			__builtin_memcpy(session->comm, listener->comm, sizeof(session->comm));
			session->pid = listener->pid;
		}
	}
	if (session->flags & HC_F_FOUND)
		session_announce(id, session, bpf_ktime_get_ns());
}

/* The next set of sessions. */
static __always_inline void walk_session_set(void)
{
	__u32 index = errand.next++;
	struct hc_session_set *set = bpf_map_lookup_elem(&sessions, &index);

	if (!set)
		return;
	for (__u32 way = 0; way < HC_SESSION_WAYS; way++)
		if (set->id[way] && set->way[way].charge)
			walk_session(session_shown(set->id[way]), &set->way[way]);
}

/*
 * A refusal of the user at this position that was not reported yet. Global, so that the
 * verifier checks it once: that of 6.1 walked it again for every way of the set, and ran out
 * of patience.
 */
__noinline int walk_user(__u32 position)
{
	struct hc_session last = {.uid = HC_UID_UNKNOWN};
	struct claim claim = {.now = bpf_ktime_get_ns(), .position = position};
	struct hc_user_set *set;
	struct hc_user *user = user_at(position, &set);
	const struct hc_control *policy = policy_control();
	const struct hc_service *service;
	__u32 flags = 0;

	if (!user || !policy || !user->refusals.suppressed)
		return 0;
	bpf_spin_lock(&set->lock);
	if (user->refusals.suppressed &&
	    (errand.flush || user->refusals.window != (__u32)(claim.now >> HC_WINDOW_SHIFT))) {
		/* The event stands for the last of them. */
		claim.suppressed = user->refusals.suppressed - 1;
		claim.active = user->refusals.active;
		claim.cap = user->cap;
		claim.report = true;
		last.user = user->key;
		flags = user->refusals.flags;
		claim.gets = user->refusals.excess;
		user->refusals.suppressed = 0;
	}
	bpf_spin_unlock(&set->lock);
	claim.over = !!(flags & HC_F_OBSERVED);
	last.direction = last.user.service ? HC_INBOUND : HC_OUTBOUND;
	if (last.user.kind == HC_BY_UID)
		last.uid = last.user.uid;
	if (last.user.kind == HC_BY_CLIENT || last.user.kind == HC_UNLABELLED)
		__builtin_memcpy(last.ends.remote, last.user.id, sizeof(last.user.id));
	service = policy_service(policy_generation(policy), last.user.service);
	if (service && !(service->mute & HC_MUTE_REFUSED))
		refusal_emit(&claim, 0, &last, flags & HC_F_TOTAL ? OVER_TOTAL : OVER_CAP);
	return 0;
}

/* The next set of users. */
static __always_inline void walk_user_set(void)
{
	__u32 set = errand.next++;

	for (__u32 way = 0; way < HC_WAYS; way++)
		walk_user(hc_user_position(set, way));
}

/* A session whose socket is gone: its end, told without a socket. False: it has ended. */
static __always_inline bool walk_end(__u64 id)
{
	struct hc_session *session = session_of(id);
	struct emission emission;
	struct hc_event *event;
	__u64 charge, now = bpf_ktime_get_ns();

	if (!session || session->flags & HC_S_CONNECTING) /* it connects anew */
		return false;
	charge = __sync_lock_test_and_set(&session->charge, 0);
	if (charge)
		user_discharge(charge, now);
	if (session->user.kind >= HC_BY_LABEL)
		label_index_drop(id, session);
	if (session->flags & (HC_S_REFUSED | HC_S_DIVERTED)) {
		session_free(id, session);
		return true;
	}
	session_announce(id, session, now);
	count_closed(session, HC_END_UNKNOWN, now);
	event = emit_closed(&emission, id, session, now);
	if (event)
		emit_end(&emission, sizeof(*event));
	session_free(id, session);
	return true;
}

/* A user's count, unless something happened to it since it was read. */
static __always_inline bool walk_recount(const struct hc_repair *repair)
{
	struct hc_user_set *set;
	struct hc_user *user = user_at(repair->id, &set);

	return user && user_correct(user, repair->word, repair->change);
}

/* The next repair. */
static __always_inline void walk_repair(void)
{
	struct hc_repair *repair = &errand.repairs[errand.next++ % HC_REPAIRS_AT_ONCE];

	repair->done = repair->of_user ? walk_recount(repair) : walk_end(repair->id);
	if (repair->done)
		count_corrected();
}

#endif
