/* SPDX-License-Identifier: GPL-2.0-only */
/* The only place that knows kernels differ. Each difference is asked of the running kernel when
 * the object is loaded, by its BTF or by trying (user/kernel/feature.h), never of a version
 * number. */
#ifndef HEADCOUNT_COMPAT_H
#define HEADCOUNT_COMPAT_H

#include "kernel.h"

/* Helpers that this kernel lets the programs of connect() and of sockops call. */
const volatile bool compat_retval = false; /* bpf_set_retval, bpf_get_retval */
const volatile bool compat_mptcp = false;  /* bpf_skc_to_mptcp_sock */

/* Chooses what connect() returns where the kernel lets us (5.18); before that a
 * refused connect() is EPERM, whatever we ask for. */
static __always_inline void compat_set_errno(__u32 error)
{
	/* By 64 bits, and at most 4095: the verifier of 7.2 wants to see that the
	 * whole register is in -4095..0, which it cannot of a negated int. */
	long (*const set_retval)(__s64) = (void *)BPF_FUNC_set_retval;

	if (compat_retval)
		set_retval(-(__s64)(error & 0xfff));
}

/* The socket of a context's pointer that is known to be TCP's. The helper looks at the pointer
 * alone; the type is for the cast that user/kernel/rewrite.c makes of the call where it can. */
static __always_inline struct tcp_sock *compat_tcp_of(void *sk)
{
	struct tcp_sock *(*const tcp_of)(void *sk, __u32 type) =
		(void *)BPF_FUNC_skc_to_tcp_sock;

	return tcp_of(sk, bpf_core_type_id_kernel(struct tcp_sock));
}

/* TCP_BPF_SOCK_OPS_CB_FLAGS, of 6.12. */
#define COMPAT_CALLBACKS 1008
const volatile bool compat_callbacks = false;

/* What sockets are made to tell on_milestone: their state changes. */
#define TELLS BPF_SOCK_OPS_STATE_CB_FLAG
/* In the socket walk and in connect(). Where the kernel cannot, on_state alone sees state
 * changes. `ctx` is the program's, or the socket. */
static __always_inline void compat_set_callbacks(void *ctx, const struct tcp_sock *tp)
{
	int had = tp->bpf_sock_ops_cb_flags, flags = had | TELLS;

	if (flags != had)
		bpf_setsockopt(ctx, SOL_TCP, COMPAT_CALLBACKS, &flags, sizeof(flags));
}

/* The lower 32 bits of a namespace's cookie (5.12), or 0. */
static __always_inline __u32 compat_netns_cookie(const struct net *net)
{
	return bpf_core_field_exists(net->net_cookie) ? net->net_cookie : 0;
}

/* Ports below this are not for everybody. */
static __always_inline int compat_first_open_port(const struct net *net)
{
	return bpf_core_field_exists(net->ipv4.sysctl_ip_prot_sock)
		       ? net->ipv4.sysctl_ip_prot_sock
		       : 1024;
}

/* Is it a subflow of an MPTCP connection? */
static __always_inline bool compat_is_mptcp(const struct tcp_sock *tp)
{
	return bpf_core_field_exists(tp->is_mptcp) && tp->is_mptcp;
}

/* The MPTCP connection to which the socket was added after the first one, or NULL. By a
 * helper (5.19, and no use without CONFIG_MPTCP) that takes only `sk`, the context's
 * pointer (or NULL: not known). */
static __always_inline const struct mptcp_sock *compat_joined(const struct tcp_sock *tp,
							      void *sk)
{
	struct mptcp_sock *(*const mptcp_of)(void *sk) = (void *)BPF_FUNC_skc_to_mptcp_sock;
	const struct mptcp_sock *connection = NULL;

	if (compat_mptcp && sk && compat_is_mptcp(tp) &&
	    bpf_core_type_exists(struct mptcp_sock))
		connection = mptcp_of(sk);
	return connection && connection->first != &tp->inet_conn.icsk_inet.sk ? connection
									      : NULL;
}

/* An earlier program of this hook has already refused. */
static __always_inline bool compat_refused_before(void)
{
	return compat_retval && bpf_get_retval() < 0;
}

#endif
