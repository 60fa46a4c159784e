/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Iterators: read by user space, not attached to anything that happens.
 *
 *   walk_sockets   every TCP socket of a namespace, as it is now; the snapshot
 *                  at the start (walk_adopt) and `sessions`, `audit`
 *   walk_files     whose sockets they are, for those older than headcount
 *   walk_sessions  every session: to the service it belongs to after a reload; and
 *                  those that walk_sockets found are announced, now with a name
 *   walk_users     refusals that were counted but not reported yet
 *   walk_repairs   what `audit --repair` found
 */
#ifndef HEADCOUNT_WALK_H
#define HEADCOUNT_WALK_H

#include "gate.h"

/* walk_sockets charges sessions that have no record, instead of only telling. */
const volatile bool walk_adopt = false;
/* And counts each as a correction: it should have been charged long since. */
const volatile bool walk_correct = false;
/* walk_users reports every refusal, however recent the last report is. */
const volatile bool walk_flush = false;

static __always_inline bool walk_is_session(__u8 state)
{
	return state != TCP_CLOSE && state != TCP_LISTEN && state != TCP_TIME_WAIT &&
	       state != TCP_SYN_RECV;
}

/* A session that headcount has not seen begin, under its socket's lock. */
static __noinline struct hc_session *walk_charge(__u64 id, const struct tcp_sock *tp)
{
	struct claim claim = {.now = bpf_ktime_get_ns()};
	struct hc_session *session = session_make(id, claim.now);
	const struct hc_service *service;

	if (!session)
		return NULL;
	session->flags = HC_F_FOUND;
	session->opened_ns = claim.now;
	session_set_ends(session, tp);
	session_set_listener(session, tp);
	session->direction =
		listener_of(session->ends.netns, session->ends.local, session->ends.local_port)
			? HC_INBOUND
			: HC_OUTBOUND;
	service = session_identify(session, &session->user);
	if (service)
		session_charge(id, session, service, &claim, NOTHING);
	return session;
}

static __always_inline __u32 walk_idle(const struct tcp_sock *tp, __u32 now)
{
	__u32 sent = now - tp->lsndtime, received = now - tp->inet_conn.icsk_ack.lrcvtime;

	/* A handshake under way: neither is set. */
	if (!tp->lsndtime && !tp->inet_conn.icsk_ack.lrcvtime)
		return 0;

	return sent < received ? sent : received;
}

/* In a frame of its own: beside walk_charge()'s there is no room for the row. */
static __noinline void walk_row(struct seq_file *seq, struct tcp_sock *tp, __u64 id,
				const struct hc_session *session, bool repaired)
{
	struct hc_socket row = {
		.id = id,
		.state = tp->inet_conn.icsk_inet.sk.__sk_common.skc_state,
		.repaired = repaired,
		.mptcp = compat_is_mptcp(tp),
		.device = tp->inet_conn.icsk_inet.sk.__sk_common.skc_bound_dev_if,
	};

	if (session) {
		row.session = *session;
		row.tracked = true;
	}
	/* Not tracked, or a connect() whose SYN Fast Open puts off. */
	if (!row.session.ends.local_port)
		session_set_ends(&row.session, tp);
	row.rx_bytes = received_of(tp);
	row.tx_bytes = tp->bytes_sent - tp->bytes_retrans;
	row.srtt_us = tp->srtt_us >> 3;
	row.jiffies = bpf_jiffies64();
	row.idle_jiffies = walk_idle(tp, row.jiffies);
	bpf_seq_write(seq, &row, sizeof(row));
}

SEC("?iter/tcp")
int walk_sockets(struct bpf_iter__tcp *ctx)
{
	struct sock_common *common = ctx->sk_common;
	struct hc_session *session;
	bool repaired = false;
	struct tcp_sock *tp;
	__u8 state;
	__u64 id;

	tp = common ? bpf_skc_to_tcp_sock(common) : NULL;
	if (!tp)
		return 0;
	state = common->skc_state;
	if (walk_adopt)
		compat_set_callbacks(tp);
	id = bpf_get_socket_cookie(common);
	if (state == TCP_LISTEN && walk_adopt)
		listener_opened(id, tp, NULL);
	session = session_of(id);
	/* A Fast Open child has a record while it is still in SYN_RECV. */
	if (!walk_is_session(state) && !(session && state == TCP_SYN_RECV))
		return 0;
	if (!session && walk_adopt) {
		session = walk_charge(id, tp);
		repaired = !!session;
		if (session && walk_correct)
			count_loss(HC_LOSS_CORRECTED);
	}
	walk_row(ctx->meta->seq, tp, id, session, repaired);
	return 0;
}

SEC("?iter/task_file")
int walk_files(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct hc_listener_key *place;
	struct hc_listener *listener;
	struct hc_session *session;
	struct socket *socket;
	struct sock *sk;
	__u64 id;

	if (!task || !file)
		return 0;
	socket = bpf_sock_from_file(file);
	if (!socket)
		return 0;
	sk = socket->sk;
	if (!sk || sk->sk_protocol != IPPROTO_TCP)
		return 0;
	id = bpf_get_socket_cookie(sk);
	session = session_of(id);
	if (session && !session->pid && session->direction == HC_OUTBOUND)
		process_of(task, &session->pid, session->comm);
	place = bpf_map_lookup_elem(&listening, &id);
	if (!place)
		return 0;
	listener = bpf_map_lookup_elem(&listeners, place);
	if (listener && !listener->pid)
		process_of(task, &listener->pid, listener->comm);
	return 0;
}

/* Moves a session that was charged under another policy. */
static __noinline void walk_move(__u64 id, struct hc_session *session)
{
	struct claim claim = {.now = bpf_ktime_get_ns()};
	struct hc_user_key user; /* not a copy of the session: the stack is full */
	__u64 before = session->charge, after;
	const struct hc_service *service = session_identify(session, &user);
	__u32 cap;

	if (!before || !service)
		return;
	session_mute(session, service);
	if (user_same(&user, &session->user) &&
	    (service->total != HC_UNLIMITED && !user.elsewhere) == !!(before & CHARGE_TOTAL))
		return;
	after = user_charge(&claim, &user, service, NOTHING, id, 0);
	if (!after)
		return;
	/* Lost against the session's end: it released the old charge, and nobody
	 * but us knows of the new one. */
	if (__sync_val_compare_and_swap(&session->charge, before, after) != before) {
		user_release(after, claim.now, &cap);
		return;
	}
	session->user = user;
	user_release(before, claim.now, &cap);
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

SEC("?iter/bpf_map_elem")
int walk_sessions(struct bpf_iter__bpf_map_elem *ctx)
{
	__u32 *key = ctx->key, index;
	struct hc_session_set *set;

	if (!key)
		return 0;
	index = *key;
	set = bpf_map_lookup_elem(&sessions, &index);
	if (!set)
		return 0;
	for (__u32 way = 0; way < HC_SESSION_WAYS; way++)
		if (set->id[way] && set->way[way].charge)
			walk_session(set->id[way], &set->way[way]);
	return 0;
}

/*
 * One place of the user table (numbered from 1): a refusal that was not reported
 * yet. Global, so that the verifier checks it once: that of 6.1 walked it again for
 * every way of the set, and ran out of patience.
 */
__noinline int walk_user(__u32 slot)
{
	struct hc_session last = {.uid = HC_UID_UNKNOWN};
	struct claim claim = {.now = bpf_ktime_get_ns(), .slot = slot};
	struct hc_user_set *set = users_set((slot - 1) / HC_WAYS);
	const struct hc_control *policy = policy_control();
	const struct hc_service *service;
	struct hc_user *user;
	__u32 flags = 0;

	if (!slot || !set || !policy)
		return 0;
	user = &set->way[(slot - 1) % HC_WAYS];
	if (!user->refusals.suppressed)
		return 0;
	bpf_spin_lock(&set->lock);
	if (user->refusals.suppressed &&
	    (walk_flush || user->refusals.window != (__u32)(claim.now >> HC_WINDOW_SHIFT))) {
		/* The event stands for the last of them. */
		claim.suppressed = user->refusals.suppressed - 1;
		claim.active = user->slots.active;
		claim.cap = user->cap;
		claim.report = true;
		last.user = user->key;
		flags = user->refusals.flags;
		user->refusals.suppressed = 0;
	}
	bpf_spin_unlock(&set->lock);
	claim.over = !!(flags & HC_F_OBSERVED);
	last.direction = last.user.service ? HC_INBOUND : HC_OUTBOUND;
	if (last.user.kind == HC_BY_UID)
		last.uid = last.user.uid;
	if (last.user.kind == HC_BY_CLIENT)
		__builtin_memcpy(last.ends.remote, last.user.id, sizeof(last.user.id));
	service = policy_service(policy_generation(policy), last.user.service);
	if (service && !(service->mute & HC_MUTE_REFUSED))
		refusal_emit(&claim, 0, &last, flags & HC_F_TOTAL ? OVER_TOTAL : OVER_CAP);
	return 0;
}

SEC("?iter/bpf_map_elem")
int walk_users(struct bpf_iter__bpf_map_elem *ctx)
{
	__u32 *key = ctx->key, set;

	if (!key)
		return 0;
	set = *key;
	for (__u32 way = 0; way < HC_WAYS; way++)
		walk_user(set * HC_WAYS + way + 1);
	return 0;
}

/* A session whose socket is gone: its end, told without a socket. False: it has ended. */
static __always_inline bool walk_end(__u64 id)
{
	struct hc_session *session = session_of(id);
	struct hc_event *event;
	__u64 charge, now = bpf_ktime_get_ns();
	__u32 cap;

	if (!session)
		return false;
	charge = __sync_lock_test_and_set(&session->charge, 0);
	if (charge)
		user_release(charge, now, &cap);
	session_announce(id, session, now);
	totals_closed(session, HC_END_UNKNOWN, now);
	event = emit_begin(id, session, HC_CLOSED, now);
	if (event)
		emit_submit(event);
	session_free(id, session);
	return true;
}

SEC("?iter/bpf_map_elem")
int walk_repairs(struct bpf_iter__bpf_map_elem *ctx)
{
	__u64 *key = ctx->key, id;
	struct hc_repair *repair;
	struct hc_user_set *set;
	struct hc_user *user;
	__u32 slot;

	if (!key)
		return 0;
	id = *key;
	repair = bpf_map_lookup_elem(&repairs, &id);
	if (!repair)
		return 0;
	if (!(id & HC_REPAIR_USER)) {
		repair->done = walk_end(id);
		if (repair->done)
			count_loss(HC_LOSS_CORRECTED);
		return 0;
	}
	slot = id;
	set = users_set((slot - 1) / HC_WAYS);
	if (!slot || !set)
		return 0;
	user = &set->way[(slot - 1) % HC_WAYS];
	bpf_spin_lock(&set->lock);
	if (user->last_ns == repair->last_ns &&
	    (__s32)(user->slots.active + repair->change) >= 0) {
		active_add(&user->slots, repair->change);
		repair->done = true;
	}
	bpf_spin_unlock(&set->lock);
	if (repair->done)
		count_loss(HC_LOSS_CORRECTED);
	return 0;
}

#endif
