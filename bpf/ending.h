/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a session ends: its socket reaches CLOSE (session_ended), or before that its process has
 * closed it and its service ignores orphans (session_orphaned). Or it never began
 * (session_unreserve). Whoever takes the charge out of the record releases it, once.
 */
#ifndef HEADCOUNT_ENDING_H
#define HEADCOUNT_ENDING_H

#include "session.h"

/* Why it ended: enum hc_end. */
static __always_inline __u8 session_end_of(const struct hc_session *session, int error,
					   int old_state)
{
	if (session->flags & HC_S_KILLED)
		return session->flags & HC_S_ALONE     ? HC_END_ALONE
		       : session->flags & HC_S_IDLE    ? HC_END_IDLE
		       : session->flags & HC_S_EVICTED ? HC_END_EVICTED
						       : HC_END_KILLED;
	if (error == ETIMEDOUT)
		return HC_END_TIMEOUT;
	/* A network that is down ends a session by time alone, and only names the reason. */
	if (error == EHOSTUNREACH || error == ENETUNREACH)
		return old_state == TCP_SYN_SENT ? HC_END_UNREACHABLE : HC_END_TIMEOUT;
	if (error == ECONNABORTED)
		return HC_END_KILLED;
	if (old_state == TCP_SYN_SENT)
		return error == ECONNREFUSED ? HC_END_REFUSED
		       : error               ? HC_END_RESET
					     : HC_END_ABANDONED;
	if (error)
		return HC_END_RESET;
	if (old_state == TCP_CLOSE) /* nobody saw how */
		return HC_END_UNKNOWN;
	if (old_state == TCP_ESTABLISHED || old_state == TCP_CLOSE_WAIT ||
	    old_state == TCP_FIN_WAIT1)
		return HC_END_ABORTED;
	return HC_END_FINISHED;
}

/*
 * The time of the end. What a packet or a timer ends has been given the time by the kernel; but
 * not what ICMP ends in SYN_SENT, nor what goes with its listener, before accept(). Where its
 * process ends it (which owns the socket then), that may be the time of an older packet.
 */
static __always_inline __u64 session_end_time(const struct tcp_sock *tp, int old_state)
{
	const struct sock *sk = &tp->inet_conn.icsk_inet.sk;

	if (sk->sk_lock.owned || !sk->sk_socket || old_state == TCP_SYN_SENT)
		return bpf_ktime_get_ns();
	return tp->tcp_mstamp * 1000;
}

/* connect() got nowhere: no session was opened, its slot goes back. */
static __always_inline void session_unreserve(__u64 id, struct hc_session *session, __u64 now)
{
	struct claim claim = {
		.now = now,
		.when = session->opened_ns,
		.total = !!(session->flags & HC_F_TOTAL),
	};

	user_unreserve(&claim, &session->user, HELD);
	/* Of a connect() that had lost this way: session_make(). */
	user_discharge(__sync_lock_test_and_set(&session->charge, 0), now);
	/* Whoever takes the way next is not to be taken for this one. Later it may be lost. */
	if (!session_forgotten(session, now))
		session->flags &= ~HC_S_CONNECTING;
	session_free(id, session);
}

/*
 * Its owner closes the socket: where orphans are not counted, the slot is free from now on. The
 * record stays until the socket reaches CLOSE, without a charge.
 *
 * This runs without the socket's lock. The end may come at the same time, and the record be
 * another session's by now: then the charge is not of this cookie, or is gone already. Or a
 * reload moves the session: then there is another charge to take.
 */
static __noinline void session_orphaned(__u64 id)
{
	struct hc_session *session = session_of(id);

	if (!session || !(session->flags & HC_S_IGNORING))
		return;
	for (int i = 0; i < 2; i++) {
		__u64 charge = session->charge;

		if (!charge || !charge_is_of(charge, id))
			return;
		if (__sync_val_compare_and_swap(&session->charge, charge, 0) != charge)
			continue;
		user_discharge(charge, bpf_ktime_get_ns());
		return;
	}
}

/* The socket reached CLOSE. False: it has no record, of which it may have been rid before. */
static __noinline bool session_ended(__u64 id, const struct tcp_sock *tp, int old_state)
{
	struct hc_session *session = session_of(id);
	int error = tp->inet_conn.icsk_inet.sk.sk_err;
	struct claim held = {.cap = HC_UNLIMITED};
	struct emission emission;
	struct hc_event *event;
	__u64 now, charge;
	__u8 end;

	if (!session)
		return false;
	held.now = now = session_end_time(tp, old_state);
	if (session->flags & HC_S_CONNECTING) {
		session_unreserve(id, session, now);
		return true;
	}
	/* It was told as refused, and never opened. */
	if (session->flags & (HC_S_REFUSED | HC_S_DIVERTED)) {
		user_discharge(__sync_lock_test_and_set(&session->charge, 0), now);
		if (session->user.kind >= HC_BY_LABEL)
			label_index_drop(id, session);
		session_free(id, session);
		return true;
	}
	if (!(session->flags & HC_S_ANNOUNCED)) {
		if (!session->ends.local_port)
			session_set_ends(session, tp);
		session_announce(id, session, now);
	}
	charge = __sync_lock_test_and_set(&session->charge, 0);
	if (charge)
		held.active = user_release(charge, now, &held.cap);
	else if (session->flags & HC_S_IGNORING) /* released before, as an orphan's */
		user_look(&held, &session->user);
	if (session->user.kind >= HC_BY_LABEL)
		label_index_drop(id, session);
	end = session_end_of(session, error, old_state);
	count_closed(session, end, now);
	event = emit_closed(&emission, id, session, now);
	if (event) {
		event->active = held.active;
		event->cap = held.cap;
		event->end = end;
		event->error = error;
		event->half_closed = half_closed_for(session);
		emit_traffic(event, tp, old_state);
		emit_end(&emission, sizeof(*event));
	}
	session_free(id, session);
	return true;
}

/* The same for whatever the socket was: before it listened, it may have tried to connect. */
static __always_inline bool session_closed(__u64 id, const struct tcp_sock *tp, int old_state)
{
	if (old_state == TCP_LISTEN)
		listener_closed(id);
	return session_ended(id, tp, old_state);
}

/*
 * Two packets may end one handshake at the same time, on two CPUs. The child that loses has the
 * other one's cookie, if somebody had asked the request for it, and the session is the other
 * one's. Here it comes to its end in tcp_done(), as its listener has gone meanwhile.
 */
static __always_inline bool is_losing(const struct tcp_sock *tp, int old_state)
{
	return old_state == TCP_SYN_RECV && !tp->inet_conn.icsk_inet.sk.__sk_common.skc_num;
}

/*
 * on_milestone notes whose record it ends, before that: a walk that finds no record any more,
 * and makes another one, takes the note away (closed_forget()). Who interrupts this may take
 * the same place: then it is looked for in vain. Of a child that loses the note is all that is
 * left; the kernel takes it apart at once, and on_destroyed takes that away.
 */
static __always_inline void session_closing(__u64 id, const struct tcp_sock *tp, int old_state)
{
	__u32 number = bpf_get_smp_processor_id();
	struct cpu_state *cpu = number < HC_CPUS_MAX ? cpu_state_of(number) : NULL;
	volatile __u64 *closed;

	if (!cpu) {
		session_closed(id, tp, old_state);
		return;
	}
	closed = &cpu->closed[cpu->turn++ & (CLOSED_KEPT - 1)];
	*closed = id;
	if (!is_losing(tp, old_state) && !session_closed(id, tp, old_state))
		*closed = 0;
}

/* Those that come right after it, on_state and mostly on_destroyed, need not look for what is
 * not there: that is dear. `last`: nobody is to find the note after this. */
static __always_inline bool session_was_closed(__u64 id, bool last)
{
	struct cpu_state *cpu = this_cpu();
	bool found = false;

	for (int i = 0; cpu && i < CLOSED_KEPT; i++) {
		if (cpu->closed[i] != id)
			continue;
		found = true;
		if (last)
			cpu->closed[i] = 0;
	}
	return found;
}

#endif
