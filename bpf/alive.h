/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Dead peers are found by the kernel's own probes, where a service asks for it. Set once: at
 * the end of the handshake, or for a session that is older than the policy when user space
 * walks the sockets. A session's flags have which time was set, so that no later walk sets it
 * again, over what the application has set in the meantime.
 */
#ifndef HEADCOUNT_ALIVE_H
#define HEADCOUNT_ALIVE_H

#include "keepalive.h"
#include "sessions.h"

/* The service's time, if the session does not have it yet; else 0. One that its service does
 * not ask any more keeps what it has. Under the socket's lock. */
static __always_inline __u32 alive_due(struct hc_session *session,
				       const struct hc_service *service)
{
	__u32 has = session->flags >> HC_S_KEEPALIVE_SHIFT, wanted = service->keepalive;

	if (!wanted || wanted == has || session->user.elsewhere)
		return 0;
	__sync_fetch_and_xor(&session->flags, (has ^ wanted) << HC_S_KEEPALIVE_SHIFT);
	return wanted;
}

/* `ctx` is what bpf_setsockopt() wants of the program that asks. Not inline: for the stack. */
static __noinline void alive_set(void *ctx, __u32 seconds)
{
	int silence = hc_keepalive_silence(seconds), interval = hc_keepalive_interval(seconds);
	int probes = HC_KEEPALIVE_PROBES, gone_ms = hc_keepalive_gone(seconds) * 1000, on = 1;

	if (!seconds)
		return;
	bpf_setsockopt(ctx, SOL_TCP, TCP_KEEPIDLE, &silence, sizeof(silence));
	bpf_setsockopt(ctx, SOL_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
	bpf_setsockopt(ctx, SOL_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
	bpf_setsockopt(ctx, SOL_TCP, TCP_USER_TIMEOUT, &gone_ms, sizeof(gone_ms));
	bpf_setsockopt(ctx, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

/* The service that a session is charged in, by the policy of now. */
static __always_inline const struct hc_service *alive_service(__u16 id)
{
	const struct hc_control *policy = policy_control();

	return policy ? policy_service(policy_generation(policy), id) : NULL;
}

/* Does connect() want any of this? */
static __always_inline bool alive_outbound(void)
{
	const struct hc_service *service = alive_service(HC_OUTBOUND_SERVICE);

	return service && service->keepalive;
}

/* A session whose handshake is over, if it has a record. Not inline: for the stack. */
static __noinline void alive_look(void *ctx, __u64 id)
{
	struct hc_session *session = session_of(id);
	const struct hc_service *service =
		session ? alive_service(session->user.service) : NULL;
	__u32 seconds = service ? alive_due(session, service) : 0;

	alive_set(ctx, seconds);
}

/* What the socket has, for whoever lists it. */
static __always_inline void alive_read(struct hc_alive *alive, const struct tcp_sock *tp)
{
	const struct sock_common *common = &tp->inet_conn.icsk_inet.sk.__sk_common;
	const struct netns_ipv4 *defaults = &common->skc_net.net->ipv4;

	alive->user_timeout_ms = tp->inet_conn.icsk_user_timeout;
	if (!(common->skc_flags & (1ul << SOCK_KEEPOPEN)))
		return;
	alive->silence_ticks = tp->keepalive_time ?: defaults->sysctl_tcp_keepalive_time;
	alive->interval_ticks = tp->keepalive_intvl ?: defaults->sysctl_tcp_keepalive_intvl;
	alive->probes = tp->keepalive_probes ?: defaults->sysctl_tcp_keepalive_probes;
}

#endif
