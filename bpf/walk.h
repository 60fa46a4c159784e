/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Walks over what the kernel has: iterators, read by user space.
 *
 *   walk_sockets  every TCP socket of a namespace, as it is now; the snapshot
 *                 at the start (walk_adopt) and `sessions`, `audit`
 *   walk_programs which sockops programs may take callbacks away
 *   walk_files    whose sockets they are: noted for those older than headcount, or told
 */
#ifndef HEADCOUNT_WALK_H
#define HEADCOUNT_WALK_H

#include "alive.h"
#include "half_closed.h"
#include "peer.h"
#include "session.h"

/* walk_sockets charges sessions that have no record, instead of only telling. */
const volatile bool walk_adopt = false;
/* walk_files tells who has the sessions, instead of noting it. */
const volatile bool walk_holders = false;

/* In SYN_RECV these are: the child of a Fast Open SYN, and who met a SYN from the other side
 * when it connected. Nobody hears of the end of their handshakes. */
static __always_inline bool walk_is_session(__u8 state, const struct tcp_sock *tp)
{
	if (state == TCP_SYN_RECV)
		return tp->fastopen_rsk || tp->inet_conn.icsk_inet.sk.sk_socket;
	return state != TCP_CLOSE && state != TCP_LISTEN && state != TCP_TIME_WAIT;
}

/*
 * Has nobody accepted the socket yet? To own its lock, as a walk does, keeps nobody from ending
 * it then: a listener that closes takes its queue along whoever owns that (and the kernel
 * warns, inet_csk_listen_stop()).
 */
static __always_inline bool walk_is_queued(const struct tcp_sock *tp)
{
	const struct sock *sk = &tp->inet_conn.icsk_inet.sk;

	return !sk->sk_socket && !peer_orphan(tp);
}

/* Whose listener is closing may find nobody who listens. */
static __always_inline enum hc_direction walk_direction(bool listens, const struct tcp_sock *tp)
{
	return walk_is_queued(tp) && !compat_is_mptcp(tp) ? HC_INBOUND
							  : direction_of(listens, tp);
}

/* Is a socket without a record one of those that are counted? */
static __noinline bool walk_is_wanted(const struct tcp_sock *tp)
{
	struct hc_ends ends = {};

	if (directions == HC_BOTH_DIRECTIONS)
		return true;
	ends_of(&ends, tp);
	return session_is_wanted(
		walk_direction(!!listener_of(ends.netns, ends.local, ends.local_port), tp));
}

/*
 * A session that headcount has not seen begin, under its socket's lock. That is not enough for
 * one that is queued: its end may be told at any moment. So its record is found only when it is
 * complete: by on_milestone, or else by on_destroyed. If the socket is in CLOSE even then,
 * both may have come before, and user space ends it (walk_end_closed()).
 */
static __noinline struct hc_session *walk_charge(__u64 id, const struct tcp_sock *tp)
{
	struct claim claim = {.now = bpf_ktime_get_ns()};
	const struct hc_service *service;
	struct hc_session *session;

	closed_forget(id);
	session = session_begin(id, HC_SESSION_HIDDEN, tp, HC_OUTBOUND, claim.now);
	if (!session)
		return NULL;
	session->flags |= HC_F_FOUND;
	session->direction = walk_direction(session_set_listener(session, tp), tp);
	service = session_identify(session, &session->user);
	if (service && session->direction == HC_INBOUND)
		session_set_owner(session, service, tp);
	if (service && service->orphans == HC_ORPHANS_IGNORE && peer_orphan(tp))
		session_set_up(session, service);
	else if (service)
		session_charge(id, session, service, &claim, NOTHING);
	if (session->user.kind == HC_UNLABELLED && !session->user.elsewhere)
		label_index_add(id, session, false, compat_is_mptcp(tp));
	session_show(id, session);
	return session;
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
	row.orphan = peer_orphan(tp);
	peer_idle(&row.idle, tp);
	row.half_closed = half_closed_for(&row.session);
	alive_read(&row.alive, tp);
	peer_read(&row.peer, tp, row.state);
	bpf_seq_write(seq, &row, sizeof(row));
}

static __always_inline bool walk_wants(const struct hc_user_key *user)
{
	__u32 bit = wanted_bit(user) & (HC_WANTED_BITS - 1);

	return errand.wanted.bits[bit / 64] >> bit % 64 & 1;
}

/* A later walk of `run`: the session gets the keepalive that a reload asks for, and is told
 * only if it may have been idle for too long, or is one of those users'. It charges nothing. */
static __noinline void walk_sweep(struct seq_file *seq, struct tcp_sock *tp, __u64 id,
				  const struct hc_session *session)
{
	__u8 state = tp->inet_conn.icsk_inet.sk.__sk_common.skc_state;
	struct hc_idle idle = {};

	if (!session || !walk_is_session(state, tp) || state == TCP_SYN_SENT ||
	    session->flags & HC_S_DIVERTED)
		return;
	if (errand.sweep == HC_SWEEP_USERS) {
		if (walk_wants(&session->user))
			walk_row(seq, tp, id, session, false);
		return;
	}
	alive_look(tp, id);
	peer_idle(&idle, tp);
	if (errand.idle_ticks && idle.ticks >= errand.idle_ticks)
		walk_row(seq, tp, id, session, false);
}

static __always_inline void walk_socket(struct seq_file *seq, struct sock_common *common,
					struct tcp_sock *tp)
{
	__u64 id;
	__u8 state = common->skc_state;
	struct hc_session *session;
	bool repaired = false;

	/* Nearly all: nothing is looked up for them. */
	if (errand.sweep == HC_SWEEP_DEAD && peer_unanswered(tp) < errand.unanswered)
		return;
	id = bpf_get_socket_cookie(common);
	session = session_of(id);
	if (walk_adopt && errand.sweep) {
		walk_sweep(seq, tp, id, session);
		return;
	}
	if (!session && state != TCP_LISTEN && !walk_is_wanted(tp))
		return;
	if (walk_adopt)
		compat_set_callbacks(tp, tp);
	if (state == TCP_LISTEN && walk_adopt) {
		listener_opened(id, tp, NULL);
		request_bound(tp, tp);
	}
	if (!walk_is_session(state, tp))
		return;
	if (!session && walk_adopt) {
		session = walk_charge(id, tp);
		repaired = !!session;
		if (session)
			count_corrected();
	}
	if (walk_adopt && session && state != TCP_SYN_SENT && !(session->flags & HC_S_DIVERTED))
		alive_look(tp, id);
	walk_row(seq, tp, id, session, repaired);
}

/* Counts it as a stranger, if it is another's and may take callbacks away. Those of any
 * headcount do not: on_milestone, and what a start tries (user/kernel/feature_tries.c). */
static __always_inline void walk_program(const struct bpf_prog *prog)
{
	const char milestone[] = "on_milestone", probe[] = "hc_probe";
	bool same = true, tried = true;

	if (prog->type != BPF_PROG_TYPE_SOCK_OPS)
		return;
#pragma unroll
	for (unsigned int i = 0; i < sizeof(milestone); i++)
		same &= prog->aux->name[i] == milestone[i];
#pragma unroll
	for (unsigned int i = 0; i < sizeof(probe); i++)
		tried &= prog->aux->name[i] == probe[i];
	errand.strangers += !same && !tried;
}

static __always_inline void walk_holder(struct seq_file *seq, const struct task_struct *task,
					__u64 id)
{
	struct hc_holder row = {.id = id, .started_ns = task->group_leader->start_time};

	process_of(task->group_leader, &row.pid, row.comm);
	bpf_seq_write(seq, &row, sizeof(row));
}

/* A process has this socket open. */
static __always_inline void walk_file(struct seq_file *seq, const struct task_struct *task,
				      __u64 id)
{
	struct hc_listening *entry;
	struct hc_listener *listener;
	struct hc_session *session;

	/* Of what is no session, too: to look is dearer than to tell. */
	if (walk_holders) {
		walk_holder(seq, task, id);
		return;
	}
	session = session_of(id);
	if (session && !session->pid && session->direction == HC_OUTBOUND)
		process_of(task, &session->pid, session->comm);
	entry = bpf_map_lookup_elem(&listening, &id);
	if (!entry)
		return;
	listener = bpf_map_lookup_elem(&listeners, &entry->key);
	if (!listener || listener->pid)
		return;
	process_of(task, &listener->pid, listener->comm);
	listeners_changed(entry->key.port);
}

#endif
