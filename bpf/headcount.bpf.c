// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every program of headcount: first those that are attached, in the order in which a connection
 * meets them, then those that user space runs. Each is a few lines that call the stages;
 * README.md says in which order to read their headers.
 */
#pragma clang diagnostic ignored "-Wunused-parameter" /* BPF_PROG() leaves its ctx unused */
#include "ending.h"
#include "gate.h"
#include "kill.h"
#include "label_joined.h"
#include "tables.h"
#include "targets.h"
#include "walk.h"

char LICENSE[] SEC("license") = "GPL";

/* Outbound: connect(), and Fast Open's sendmsg(), on the whole host. */

SEC("?cgroup/connect4")
int on_connect4(struct bpf_sock_addr *ctx)
{
	struct hc_session session = {.ends.remote_port = bpf_ntohs(ctx->user_port)};

	if (ctx->protocol != IPPROTO_TCP)
		return 1;
	address_from_ipv4(session.ends.remote, ctx->user_ip4);
	return gate_outbound(ctx, &session);
}

SEC("?cgroup/connect6")
int on_connect6(struct bpf_sock_addr *ctx)
{
	struct hc_session session = {.ends.remote_port = bpf_ntohs(ctx->user_port)};

	if (ctx->protocol != IPPROTO_TCP)
		return 1;
	address_from_ctx(session.ends.remote, ctx->user_ip6);
	return gate_outbound(ctx, &session);
}

/*
 * A socket is closed by its owner, and becomes an orphan if it is not through with its peer.
 * Attached only while a service ignores orphans.
 */
SEC("?cgroup/sock_release")
int on_release(struct bpf_sock *ctx)
{
	if (ctx->protocol == IPPROTO_TCP && ctx->state != TCP_CLOSE && policy_ignoring())
		session_orphaned(bpf_get_socket_cookie(ctx));
	return 1;
}

/* Inbound: a packet without a socket, in the namespaces that are enforced. */

SEC("?sk_lookup")
int on_arrival(struct bpf_sk_lookup *ctx)
{
	struct hc_session packet = {.ends.netns = gate_netns};
	struct cpu_state *cpu = this_cpu();

	if (ctx->protocol != IPPROTO_TCP || !cpu)
		return SK_PASS;
	if (ctx->family == AF_INET) {
		address_from_ipv4(packet.ends.local, ctx->local_ip4);
		address_from_ipv4(packet.ends.remote, ctx->remote_ip4);
	} else {
		address_from_ctx(packet.ends.local, ctx->local_ip6);
		address_from_ctx(packet.ends.remote, ctx->remote_ip6);
	}
	packet.ends.local_port = ctx->local_port;
	packet.ends.remote_port = bpf_ntohs(*(__u16 *)&ctx->remote_port);
	return gate_inbound(ctx, &packet, cpu);
}

/* The socket's own milestones, on the whole host. */

/* The end, the first FIN, and a SYN, which Fast Open may put off. */
static __always_inline bool state_matters(int new_state, bool outbound)
{
	return new_state == TCP_CLOSE || half_closes(new_state) ||
	       (new_state == TCP_SYN_SENT && outbound);
}

/* What `directions` says, where user/kernel/rewrite.h has written it. */
static __always_inline __u64 directions_here(void)
{
	__u64 wanted;

	asm("%0 = %1" : "=r"(wanted) : "i"(HC_DIRECTIONS_HERE));
	return wanted;
}

/* Of those that come with a socket. */
static __always_inline bool milestone_matters(struct bpf_sock_ops *ctx)
{
	const bool outbound = directions_here() & 1u << HC_OUTBOUND;
	const bool inbound = directions_here() & 1u << HC_INBOUND;

	switch (ctx->op) {
	case BPF_SOCK_OPS_STATE_CB:
		return state_matters(ctx->args[1], outbound) &&
		       (ctx->args[1] != TCP_SYN_SENT || compat_callbacks);
	case BPF_SOCK_OPS_TCP_CONNECT_CB:
		return outbound;
	case BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB:
		return outbound && alive_outbound();
	case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
		return inbound;
	case BPF_SOCK_OPS_TCP_LISTEN_CB: /* tells directions apart: wanted in any case */
		return true;
	default:
		return false;
	}
}

SEC("?sockops")
int on_milestone(struct bpf_sock_ops *ctx)
{
	struct tcp_sock *tp;
	__u64 id, cookie;
	__u32 how = 0;

	if (ctx->op == BPF_SOCK_OPS_TIMEOUT_INIT) {
		if (!ctx->is_fullsock) /* a request socket: a SYN was queued */
			arrival_queued(ctx->remote_ip4, ctx->remote_ip6[3],
				       bpf_ntohl(ctx->remote_port), ctx->local_port);
		return 1;
	}
	if (!milestone_matters(ctx))
		return 1;
	/* From here on its state changes come here too; see on_state. A child has its
	 * listener's flags. */
	if (ctx->bpf_sock_ops_cb_flags & TELLS)
		how |= CONNECT_TOLD;
	else
		bpf_sock_ops_cb_flags_set(ctx, ctx->bpf_sock_ops_cb_flags | TELLS);
	tp = ctx->sk ? compat_tcp_of(ctx->sk) : NULL;
	if (!tp)
		return 1;
	/* To ask makes the cookie, where nobody has asked before. */
	cookie = tp->inet_conn.icsk_inet.sk.__sk_common.skc_cookie.counter;
	id = cookie ?: bpf_get_socket_cookie(ctx);
	if (cookie)
		how |= CONNECT_SEEN;
	if (ctx->op == BPF_SOCK_OPS_STATE_CB && half_closes(ctx->args[1]))
		half_closed_note(id);
	else if (ctx->op == BPF_SOCK_OPS_STATE_CB && ctx->args[1] == TCP_SYN_SENT) {
		if (BPF_CORE_READ_BITFIELD(tp, fastopen_connect))
			session_connected(id, tp, ctx->sk, how);
	} else if (ctx->op == BPF_SOCK_OPS_STATE_CB)
		session_closing(id, tp, ctx->args[0]);
	else if (ctx->op == BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB) {
		__u32 keepalive = session_accepted(id, tp, cookie, mark_of(ctx, tp));

		if (keepalive)
			alive_set(ctx, keepalive);
		if (compat_is_mptcp(tp))
			label_joined(id, tp, ctx->sk);
	} else if (ctx->op == BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB)
		alive_look(ctx, id);
	else if (ctx->op == BPF_SOCK_OPS_TCP_CONNECT_CB)
		session_connected(id, tp, ctx->sk, how | CONNECT_SENDS);
	else {
		listener_opened(id, tp, bpf_get_current_task_btf());
		request_bound(ctx, tp);
		target_opened(ctx, tp);
	}
	return 1;
}

/* The SYN-ACK of a handshake under way went out again. */
SEC("?tp_btf/tcp_retransmit_synack")
int BPF_PROG(on_resent, const struct sock *sk, struct request_sock *req)
{
	const struct tcp_request_sock *request = bpf_skc_to_tcp_request_sock(req);

	if (request && !request->tfo_listener)
		request_renew(bpf_get_socket_cookie(req), request);
	return 0;
}

/*
 * Two packets ended one handshake at the same time, and this child has lost: the other one has
 * its cookie (if somebody had asked the request for it), and the session. It is in CLOSE, but
 * still has the port that tcp_set_state() takes from every other socket, unless bind() chose
 * that.
 */
static __always_inline bool has_lost(const struct sock *sk)
{
	return sk->__sk_common.skc_dport && sk->__sk_common.skc_num &&
	       !(BPF_CORE_READ_BITFIELD(sk, sk_userlocks) & SOCK_BINDPORT_LOCK);
}

/*
 * The kernel takes a socket apart, which comes after CLOSE. Its connect() may have failed
 * before it sent anything (no route, another program's refusal): it has been through no state
 * change, and still holds the slot that connect() reserved. Or another sockops program has
 * taken the flag away, and its end was not told. Or a walk has charged it while it ended. Or it
 * is none of ours.
 */
SEC("?tp_btf/tcp_destroy_sock")
int BPF_PROG(on_destroyed, struct sock *sk)
{
	__u64 id = sk->__sk_common.skc_cookie.counter;
	const struct tcp_sock *tp = id ? compat_tcp_of(sk) : NULL;

	if (!tp || session_was_closed(id, true) || has_lost(sk))
		return 0;
	listener_closed(id);
	session_ended(id, tp, TCP_CLOSE);
	return 0;
}

/*
 * Every state change of every TCP socket of the host: a second look at the end of
 * sockets that do not tell on_milestone, because the kernel (before 6.12) could not
 * make those that are older than headcount do so, or because another program has
 * taken the flag away. And a connect() that sends no SYN yet. Attached only while
 * there may be such sockets.
 *
 * It is not relied on for others: the kernel does not run a tracing program inside
 * itself (6.2 and later), so that it misses a socket that an interrupt's packets
 * close while it works for another one on the same CPU. Nothing makes the kernel
 * skip a cgroup program: on_milestone has seen the end before, and this one has
 * nothing left to do.
 */
SEC("?tp_btf/inet_sock_set_state")
int BPF_PROG(on_state, struct sock *sk, int old_state, int new_state)
{
	struct tcp_sock *tp;
	__u64 id;

	if (!state_matters(new_state, session_is_wanted(HC_OUTBOUND)))
		return 0;
	id = sk->__sk_common.skc_cookie.counter;
	if (!id || (new_state == TCP_CLOSE && (session_was_closed(id, false) || has_lost(sk))))
		return 0;
	tp = bpf_skc_to_tcp_sock(sk); /* NULL for what is not TCP: MPTCP comes here too */
	if (!tp)
		return 0;
	if (new_state == TCP_CLOSE)
		session_closed(id, tp, old_state);
	else if (half_closes(new_state) && tp->bpf_sock_ops_cb_flags & TELLS)
		return 0; /* on_milestone has noted it */
	else if (half_closes(new_state))
		half_closed_note(id);
	else if (BPF_CORE_READ_BITFIELD(tp, fastopen_connect))
		session_connected(id, tp, NULL, CONNECT_SEEN | CONNECT_TOLD);
	return 0;
}

/* Labels: every setsockopt() and getsockopt() of the host, while a service is by label. */

SEC("?cgroup/setsockopt")
int on_setsockopt(struct bpf_sockopt *ctx)
{
	return ctx->level == HC_SOL && ctx->optname == HC_SO_LABEL ? label_call(ctx) : 1;
}

SEC("?cgroup/getsockopt")
int on_getsockopt(struct bpf_sockopt *ctx)
{
	return ctx->level == HC_SOL && ctx->optname == HC_SO_LABEL ? label_tell(ctx) : 1;
}

/* Walks over what the kernel has: iterators, which user space reads (walk.h). */

/* Every TCP socket of a namespace. */
SEC("?iter/tcp")
int walk_sockets(struct bpf_iter__tcp *ctx)
{
	struct sock_common *common = ctx->sk_common;
	struct tcp_sock *tp = common ? bpf_skc_to_tcp_sock(common) : NULL;

	if (tp)
		walk_socket(ctx->meta->seq, common, tp);
	return 0;
}

/* Every program that is loaded. */
SEC("?iter/bpf_prog")
int walk_programs(struct bpf_iter__bpf_prog *ctx)
{
	const struct bpf_prog *prog = ctx->prog;

	if (prog)
		walk_program(prog);
	return 0;
}

/* Every open file of every process. */
SEC("?iter/task_file")
int walk_files(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct socket *socket;
	struct sock *sk;

	if (!task || !file)
		return 0;
	socket = bpf_sock_from_file(file);
	sk = socket ? socket->sk : NULL;
	if (sk && sk->sk_protocol == IPPROTO_TCP)
		walk_file(ctx->meta->seq, task, bpf_get_socket_cookie(sk));
	return 0;
}

/* The same, for listeners that excess = redirect leads to. */
SEC("?iter/task_file")
int walk_targets(struct bpf_iter__task_file *ctx)
{
	struct file *file = ctx->file;
	struct socket *socket = file ? bpf_sock_from_file(file) : NULL;
	struct sock *sk = socket ? socket->sk : NULL;

	if (sk && sk->sk_protocol == IPPROTO_TCP)
		target_found(sk);
	return 0;
}

/*
 * Attached to nothing: user space runs these by BPF_PROG_RUN. Their type is one whose programs
 * may take spin locks, are in every kernel that can attach to a cgroup, and need CAP_BPF alone;
 * what it has of a packet is not looked at. Iterators over the elements of a map would do for
 * the walks, too, but there are kernels that refuse those.
 */

/* A set of the session table, after a reload (tables.h). */
SEC("?cgroup_skb/ingress")
int walk_sessions(struct __sk_buff *ctx)
{
	walk_session_set();
	return 0;
}

/* A set of the user table: refusals that were not reported yet. */
SEC("?cgroup_skb/ingress")
int walk_users(struct __sk_buff *ctx)
{
	walk_user_set();
	return 0;
}

/* What `audit --repair` found. */
SEC("?cgroup_skb/ingress")
int walk_repairs(struct __sk_buff *ctx)
{
	walk_repair();
	return 0;
}

/* Before and after `kill` closes a socket (kill.h); the answer is what they return. */
SEC("?cgroup_skb/ingress")
int kill_mark(struct __sk_buff *ctx)
{
	return kill_begins(&errand.kill);
}

/* `label` gives a session its label, whatever it has. */
SEC("?cgroup_skb/ingress")
int label_set(struct __sk_buff *ctx)
{
	errand.label.error = label_by_id(errand.label.id, &errand.label.label);
	return 0;
}

/* So many units of the fleet's cap for a user (units.h). */
SEC("?cgroup_skb/ingress")
int set_units(struct __sk_buff *ctx)
{
	units_set(&errand.units);
	return 0;
}

SEC("?cgroup_skb/ingress")
int kill_tell(struct __sk_buff *ctx)
{
	return kill_ended(&errand.kill);
}
