/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A session's life up to its end, keyed by its socket's cookie:
 *
 *   outbound  gate.h reserves -> session_connected() charges it, and announces it as it sends
 *             its SYN, which may come later
 *   inbound   gate.h reserves -> session_accepted() charges and announces
 *   both      ending.h: session_ended() releases, announces the end, deletes
 *
 * All of these run under the socket's lock, so that a record has one writer;
 * only a reload's re-charge runs beside them, and it meets them in the atomic
 * exchange of `charge`. What a walk makes is hidden until it is complete (walk.h).
 */
#ifndef HEADCOUNT_SESSION_H
#define HEADCOUNT_SESSION_H

#include "admit.h"
#include "alive.h"
#include "diverted.h"
#include "excess.h"
#include "half_closed.h"
#include "label_index.h"
#include "origin.h"
#include "refusal.h"
#include "request.h"
#include "tally.h"

/* Bits of enum hc_direction. A constant: what is not counted costs nothing, and cannot be
 * counted later, for nobody would know of the sessions that began before. */
const volatile __u32 directions = HC_BOTH_DIRECTIONS;

static __always_inline bool session_is_wanted(enum hc_direction direction)
{
	return directions & 1u << direction;
}

/* Service and `*user` of a session whose ends and owner are known. */
static __always_inline const struct hc_service *
session_identify(const struct hc_session *session, struct hc_user_key *user)
{
	const struct hc_control *policy = policy_control();
	struct person person = {.uid = session->uid, .cgroup = session->cgroup};
	const struct hc_service *service;
	__u16 id = HC_OUTBOUND_SERVICE;
	bool elsewhere = false;
	__u32 generation;

	if (!policy)
		return NULL;
	generation = policy_generation(policy);
	if (session->direction == HC_INBOUND) {
		elsewhere = !netns_enforced(policy, generation, session->ends.netns,
					    session->netns_cookie);
		id = elsewhere ? HC_INBOUND_SERVICE
			       : service_listening(generation, session->ends.local,
						   session->ends.local_port);
	}
	service = policy_service(generation, id);
	if (!service)
		return NULL;
	user_of(user, service, id, session->ends.remote, &person);
	user->elsewhere = elsewhere;
	return service;
}

#define SESSION_SETTINGS (HC_S_MUTE_OPENED | HC_S_MUTE_CLOSED | HC_S_IGNORING)

/* What its service wants of the session (which events, and whether it counts as an orphan):
 * from now on, for a reload too. */
static __always_inline void session_set_up(struct hc_session *session,
					   const struct hc_service *service)
{
	__u32 wanted = (service->mute & (HC_MUTE_OPENED | HC_MUTE_CLOSED)) << HC_S_MUTE_SHIFT;

	if (service->orphans == HC_ORPHANS_IGNORE)
		wanted |= HC_S_IGNORING;
	if ((session->flags & SESSION_SETTINGS) == wanted)
		return;
	__sync_fetch_and_and(&session->flags, ~SESSION_SETTINGS);
	__sync_fetch_and_or(&session->flags, wanted);
}

/* Charges the session, and only then lets others see the record. The charge can
 * be 0 (the user table is full): the session is told of all the same.
 *
 * There is none in the record before, unless another session has taken its way from a
 * reservation that had been forgotten, and whose connect() goes on all the same: then two write
 * one record, and whichever charge is taken out of it is released by who takes it. */
static __always_inline void session_charge(__u64 id, struct hc_session *session,
					   const struct hc_service *service,
					   struct claim *claim, enum reservation kind)
{
	__u64 charge = user_charge(claim, &session->user, service, kind, id, CHARGE_NEW);

	if (claim->late)
		session->flags |= HC_F_LATE;
	session_set_up(session, service);
	charge = __sync_lock_test_and_set(&session->charge, charge);
	if (charge)
		user_discharge(charge, claim->now);
}

/*
 * The record's user is the one that its charge says, whoever has changed that. Two may do so at
 * the same time, a reload and a label: the last to write sees the last charge, because each
 * looks at the charge once more after it has written.
 */
static __noinline void session_settle(struct hc_session *session)
{
	for (int try = 0; try < TRIES; try++) {
		__u64 charge = __sync_fetch_and_add(&session->charge, 0);
		struct hc_user_set *set;
		const struct hc_user *user = user_at(charge_position(charge), &set);

		if (!user)
			return;
		session->user = user->key;
		if (__sync_fetch_and_add(&session->charge, 0) == charge)
			return;
	}
}

/* What the user of a charge holds now; for an event, so read without the lock. */
static __always_inline void session_count(const struct hc_session *session, __u32 *active,
					  __u32 *cap)
{
	struct hc_user_set *set;
	const struct hc_user *user = user_at(charge_position(session->charge), &set);

	*active = user ? hc_user_active(user) : 0;
	*cap = user ? user->cap : HC_UNLIMITED;
}

static __always_inline void session_emit_opened(__u64 id, const struct hc_session *session,
						__u32 active, __u32 cap, __u64 now)
{
	struct emission emission;
	struct hc_event *event = emit_opened(&emission, id, session, now);

	if (!event)
		return;
	event->active = active;
	event->cap = cap;
	emit_end(&emission, HC_OPENED_SIZE);
}

/* Reports a session once, at the first of: a milestone, the walk at the start, the session's
 * end. */
static __always_inline void session_announce(__u64 id, struct hc_session *session, __u64 now)
{
	__u32 active, cap;

	if (__sync_fetch_and_or(&session->flags, HC_S_ANNOUNCED) & HC_S_ANNOUNCED)
		return;
	count_opened(session);
	session_count(session, &active, &cap);
	session_emit_opened(id, session, active, cap, now);
}

/* The record of a socket that has none; NULL if there is no room. */
static __always_inline struct hc_session *
session_begin(__u64 id, __u64 hide, const struct tcp_sock *tp, __u8 direction, __u64 now)
{
	struct hc_session *session = session_make(id, hide, NULL, now);

	if (!session)
		return NULL;
	session->direction = direction;
	session->opened_ns = now;
	session_set_ends(session, tp);
	return session;
}

/* The user is another one by the policy of now, and has no reservation. */
static __noinline bool session_reserved_by_other(struct hc_session *session,
						 const struct claim *claim,
						 const struct hc_service *service)
{
	struct person person = {.uid = session->uid, .cgroup = session->cgroup};
	struct hc_user_key user;

	user_of(&user, service, HC_OUTBOUND_SERVICE, session->ends.remote, &person);
	if (user_same(&user, &session->user))
		return false;
	user_unreserve(claim, &session->user, HELD);
	session->user = user;
	return true;
}

/* The gate reserved for this session and knows its user: it begins with what the gate found,
 * the time included (reading the clock is expensive). If a reload came between, whose walk has
 * not seen it, the user may be another one now. */
static __always_inline void session_take_over(__u64 id, struct hc_session *session)
{
	const struct hc_control *policy = policy_control();
	const struct hc_service *service;
	enum reservation kind = HELD;
	struct claim claim = {
		.now = session->opened_ns,
		.when = session->opened_ns,
		.total = !!(session->flags & HC_F_TOTAL),
		.position = session->reserved_of,
	};
	__u32 generation;
	bool reloaded;

	session->netns_cookie = 0; /* not known yet */
	if (!policy)
		return;
	generation = policy_generation(policy);
	service = policy_service(generation, HC_OUTBOUND_SERVICE);
	if (!service)
		return;
	reloaded = session->half_closed != (generation & HALF_CLOSED_MASK);
	session->half_closed = 0;
	session->flags &= ~(HC_S_CONNECTING | HC_F_TOTAL);
	if (reloaded && session_reserved_by_other(session, &claim, service)) {
		claim.total = false;
		claim.position = 0;
		kind = NOTHING;
	}
	session_charge(id, session, service, &claim, kind);
}

/* How it is that connect() is under way. */
enum connecting {
	CONNECT_SENDS = 1, /* its SYN is sent now, and can be told */
	CONNECT_SEEN = 2,  /* somebody has asked for the socket's cookie before */
	CONNECT_TOLD = 4,  /* the socket has told something before */
};

/* Has it sent a packet before, or been sent one? The kernel leaves the time of the last to who
 * connects anew, and sets it as the SYN is sent. (Other programs may ask any socket for its
 * cookie, and to take what is not there from each CPU's notes is dear.) */
static __always_inline bool was_used(const struct tcp_sock *tp)
{
	return tp->tcp_mstamp;
}

/* The record of an outbound session, charged; or NULL. Another call changes nothing. */
static __always_inline struct hc_session *
session_connecting(__u64 id, const struct tcp_sock *tp, void *sk, __u32 how)
{
	struct hc_session *session = how & CONNECT_SEEN ? session_of(id) : NULL;
	const struct hc_service *service;
	struct claim claim = {};

	if (session) {
		/* Else the walk at the start met it first, and charged it. */
		if (session->flags & HC_S_CONNECTING)
			session_take_over(id, session);
		return session;
	}
	claim.now = bpf_ktime_get_ns();
	if (how & CONNECT_SEEN && (how & CONNECT_TOLD || was_used(tp)))
		closed_forget(id);
	session = session_begin(id, 0, tp, HC_OUTBOUND, claim.now);
	if (!session)
		return NULL;
	session_set_caller(session, tp, sk);
	service = session_identify(session, &session->user);
	if (service)
		session_charge(id, session, service, &claim, NOTHING);
	return session;
}

/* It came so late that its slot was another's, and is over the cap now: told and counted as
 * refused, and for user space to close. Until then it holds its slot, as every socket does. */
static __noinline void session_refuse(__u64 id, struct hc_session *session,
				      const struct hc_service *service, struct claim *claim)
{
	struct hc_late *order;

	/* The record can be seen by now, and a reload may be about its flags. */
	__sync_fetch_and_or(&session->flags, HC_S_REFUSED | HC_F_LATE);
	user_refuse_late(claim, &session->user, service);
	count_refused(session->user.service, claim->excess == OVER_TOTAL, claim->gets);
	refusal_emit(claim, id, session, claim->excess);
	order = bpf_ringbuf_reserve(&late, sizeof(*order), 0);
	if (!order) {
		count_loss(HC_LOSS_LATE_FULL);
		return;
	}
	order->id = id;
	order->ends = session->ends;
	bpf_ringbuf_submit(order, BPF_RB_FORCE_WAKEUP);
}

/* The time of the packet in hand, which the kernel has read for it; but the child of a Fast
 * Open SYN still has its listener's. */
static __always_inline __u64 session_packet_time(const struct tcp_sock *tp)
{
	return tp->fastopen_rsk ? bpf_ktime_get_ns() : tp->tcp_mstamp * 1000;
}

/*
 * Inbound, at the end of the handshake (or at the SYN of a Fast Open). `mark`: see mark_of().
 * Returns the seconds of `keepalive` that are to be set for it.
 *
 * A socket with a record connected, and met a SYN from the other side, perhaps from itself. One
 * that somebody owns already did so where outbound sessions are not counted; or it is a subflow
 * that joins an MPTCP connection, and belongs to whoever has that; or it was accepted before:
 * the kernel queues a child that the third packet leaves in SYN_RECV, if that is a SYN with an
 * ACK and data.
 */
static __noinline __u32 session_accepted(__u64 id, const struct tcp_sock *tp, __u64 cookie,
					 const struct hc_target *mark)
{
	struct claim claim = {.now = session_packet_time(tp)};
	const struct hc_service *service;
	enum reservation kind = NOTHING;
	struct hc_session *session;
	struct arrival *arrival;
	bool listens;
	__u32 low;

	if (session_of_seen(id, cookie))
		return 0;
	session = session_begin(id, 0, tp, HC_INBOUND, claim.now);
	if (!session)
		return 0;
	listens = session_set_listener(session, tp);
	if (tp->inet_conn.icsk_inet.sk.sk_socket && !compat_is_mptcp(tp) &&
	    direction_of(listens, tp) != HC_INBOUND) {
		session_free(id, session);
		return 0;
	}
	service = session_identify(session, &session->user);
	if (!service)
		return 0;
	session_set_owner(session, service, tp);
	if (mark && !session->user.elsewhere && was_redirected(&session->ends, service, mark)) {
		session->flags |= HC_S_DIVERTED;
		attempt_forget(&session->ends);
		return 0;
	}
	/* A SYN cookie's ACK and a Fast Open SYN come here from sk_lookup directly;
	 * else a handshake of this user holds the slot. */
	low = *(__u32 *)&session->ends.remote[12];
	arrival = arrival_of(low, low, session->ends.remote_port, session->ends.local_port);
	if (arrival) {
		arrival_done(arrival);
		claim.when = arrival->when;
		claim.total = arrival->total;
		kind = UNSURE;
	} else if (service->limited && policy_gated() && !session->user.elsewhere) {
		kind = HELD;
		claim.total = service->total != HC_UNLIMITED;
		/* The newest, but for those that were renewed and are later than now: a request
		 * whose SYN-ACK was repeated has been asked for its cookie. */
		claim.when = cookie ? request_taken(id) : 0;
		if (!claim.when)
			claim.when = claim.now;
	}
	session->flags |= HC_S_ANNOUNCED;
	claim.position = arrival_position();
	session_charge(id, session, service, &claim, kind);
	if (session->user.kind == HC_UNLABELLED && !session->user.elsewhere)
		label_index_add(id, session, false, compat_is_mptcp(tp));
	if (service->fleet && (service->cold == HC_COLD_ADMIT || claim.late) && !claim.excess &&
	    !excess_observes(service, claim.traits))
		cold_accepted(&claim, id, session);
	if (claim.excess && !excess_observes(service, claim.traits)) {
		session_refuse(id, session, service, &claim);
		return 0;
	}
	count_opened(session);
	session_emit_opened(id, session, claim.active, claim.cap, claim.now);
	return alive_due(session, service);
}

/* Outbound, in the caller's context: in SYN_SENT, when the port may not be chosen yet, or as
 * the SYN is sent. `how`: enum connecting. */
static __noinline void session_connected(__u64 id, const struct tcp_sock *tp, void *sk,
					 __u32 how)
{
	struct hc_session *session = session_connecting(id, tp, sk, how);

	if (!session || !(how & CONNECT_SENDS) ||
	    session->flags & (HC_S_ANNOUNCED | HC_S_CONNECTING))
		return;
	session_set_ends(session, tp);
	session_announce(id, session, session->opened_ns);
}

#endif
