/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The gates: may this session begin? Outbound in connect(), before anything is
 * sent; inbound when a packet arrives for which the kernel has no socket, which
 * is a SYN, the ACK that answers a SYN cookie, or a stray.
 *
 * Every gate fails open: what cannot be looked up or stored is admitted, and
 * counted in `losses`.
 */
#ifndef HEADCOUNT_GATE_H
#define HEADCOUNT_GATE_H

#include "admit.h"
#include "compat.h"
#include "ending.h"
#include "excess.h"

/* Network namespace that this copy of the sk_lookup program is attached in. */
const volatile __u32 gate_netns = 0;

/* connect(): 1 goes on, 0 refuses. `session` is zeroed but for ends.remote*. */
static __always_inline int gate_outbound(struct bpf_sock_addr *ctx, struct hc_session *session)
{
	const struct hc_control *policy = policy_control();
	struct claim claim = {};
	const struct hc_service *service;
	struct hc_session *before;
	struct person person;
	const struct tcp_sock *tp;
	enum verdict verdict;
	__u32 generation;
	__u64 id, cookie;

	if (!policy)
		return 1;
	generation = policy_generation(policy);
	tp = ctx->sk ? compat_tcp_of(ctx->sk) : NULL;
	if (!tp)
		return 1;
	cookie = tp->inet_conn.icsk_inet.sk.__sk_common.skc_cookie.counter;
	before = session_of_seen(cookie, cookie);
	if (before) /* of its last attempt, or of a session whose end nobody saw: it is CLOSE */
		session_ended(cookie, tp, TCP_CLOSE);
	/* The others are of one whose last connect() failed before it sent anything. */
	if (cookie && (was_used(tp) || tp->write_seq || tp->bpf_sock_ops_cb_flags & TELLS))
		closed_forget(cookie);
	/* Fast Open may put the SYN off, and TCP_CONNECT_CB with it: on_milestone hears of
	 * SYN_SENT, and of the end, so. */
	if (compat_callbacks && BPF_CORE_READ_BITFIELD(tp, fastopen_connect))
		compat_set_callbacks(ctx, tp);
	service = policy_service(generation, HC_OUTBOUND_SERVICE);
	if (!service || !service->limited || compat_refused_before())
		return 1;
	claim.now = bpf_ktime_get_ns();
	id = cookie ?: bpf_get_socket_cookie(ctx);
	session_set_caller(session, tp, ctx->sk);
	person.uid = session->uid;
	person.cgroup = session->cgroup;
	user_of(&session->user, service, HC_OUTBOUND_SERVICE, session->ends.remote, &person);
	session->opened_ns = claim.when = claim.now;
	session->direction = HC_OUTBOUND;
	session->flags = HC_S_CONNECTING;
	verdict = user_reserve(&claim, &session->user, service, HELD);
	if (verdict == UNTRACKED)
		return 1;
	if (verdict != ADMITTED) {
		count_refused(HC_OUTBOUND_SERVICE, verdict == OVER_TOTAL, claim.gets);
		refusal_emit(&claim, id, session, verdict);
		if (!claim.over) {
			compat_set_errno(service->error);
			return 0;
		}
		session->flags |= HC_F_OBSERVED;
	}
	if (claim.total)
		session->flags |= HC_F_TOTAL;
	session->reserved_of = claim.position;
	session->half_closed = generation & HALF_CLOSED_MASK;
	if (!session_make(id, 0, session, claim.now))
		user_unreserve(&claim, &session->user, HELD);
	return 1;
}

/* An attempt that is not admitted: counts and tells it, unless that has been done or it waits
 * for a unit. SK_DROP rejects it. */
static __noinline int gate_refuse(struct bpf_sk_lookup *ctx, struct claim *claim,
				  struct hc_session *packet, __u32 generation,
				  enum verdict verdict)
{
	const __u16 id = packet->user.service;
	const struct hc_service *service = policy_service(generation, id);
	const bool total = verdict == OVER_TOTAL;

	if (!service)
		return SK_PASS;
	if (service->holding) {
		claim->now = bpf_ktime_get_ns(); /* by gate_time() until now */
		excess_hold(ctx, claim, packet, service, verdict);
		if (verdict == COLD && claim->gets == HC_WAIT)
			return SK_PASS;
		if (!claim->again)
			refusal_note(claim, &packet->user, service, total);
	}
	if (!claim->again) {
		packet->direction = HC_INBOUND;
		if (id >= HC_FIRST_SERVICE && service_by_client(service) && claim->report)
			session_know_listener(packet);
		count_refused(id, total, claim->gets);
		refusal_emit(claim, 0, packet, total ? OVER_TOTAL : OVER_CAP);
	}
	return claim->gets == HC_REJECT ? SK_DROP : SK_PASS;
}

/*
 * The time for what a packet reserves, which lives for many ticks of the kernel (jiffies): as
 * it was when this CPU first asked in this one. To read the clock is the dearest step of the
 * gate. What is refused or waits is told by the clock. Whoever interrupts this one leaves a
 * time of the same tick, or of a later one: `now` is written before the `tick` that vouches for
 * it.
 */
static __always_inline __u64 gate_time(struct cpu_state *cpu)
{
	__u64 tick = bpf_jiffies64();

	if (cpu->tick != tick) {
		*(volatile __u64 *)&cpu->now = bpf_ktime_get_ns();
		*(volatile __u64 *)&cpu->tick = tick;
	}
	return cpu->now;
}

/* A packet without a socket: SK_DROP makes the kernel answer it with a RST.
 * `packet` is zeroed but for its ends. */
static __always_inline int gate_inbound(struct bpf_sk_lookup *ctx, struct hc_session *packet,
					struct cpu_state *cpu)
{
	const struct hc_control *policy = policy_control();
	struct arrival *arrival = &cpu->arrival;
	const struct hc_service *service;
	struct claim claim = {.now = gate_time(cpu)};
	struct hc_ends *ends = &packet->ends;
	struct person person;
	enum verdict verdict;
	__u32 generation;
	__u64 when;
	__u16 id;

	if (arrival_any(arrival))
		arrival_clear(arrival, claim.now);
	if (!policy)
		return SK_PASS;
	generation = policy_generation(policy);
	/* A reload attaches gates before it switches, and detaches them after. */
	if (!netns_enforced(policy, generation, gate_netns, 0))
		return SK_PASS;
	id = service_listening(generation, ends->local, ends->local_port);
	service = policy_service(generation, id);
	if (!service || !service->limited)
		return SK_PASS;
	/* No listener: the kernel refuses by itself, which is no refusal of ours. A named
	 * service by client address is capped even so, as the listener table may be full; of
	 * that the listener matters only to report a refusal. */
	packet->uid = HC_UID_UNKNOWN;
	if ((id < HC_FIRST_SERVICE || !service_by_client(service)) &&
	    !session_know_listener(packet))
		return SK_PASS;
	person.uid = packet->uid;
	person.cgroup = packet->cgroup;
	user_of(&packet->user, service, id, ends->remote, &person);
	claim.quiet = service->holding;
	verdict = user_reserve(&claim, &packet->user, service, UNSURE);
	if (verdict == UNTRACKED)
		return SK_PASS;
	when = claim.now;
	if (verdict != ADMITTED &&
	    gate_refuse(ctx, &claim, packet, generation, verdict) == SK_DROP)
		return SK_DROP;
	if (verdict == ADMITTED || claim.over)
		arrival_set(arrival, &claim, packet, when);
	return SK_PASS;
}

#endif
