/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sessions that were redirected to another listener as they were over the cap (excess.h). They
 * are nobody's: charged to no user, counted and told as no session. Which they are is known in
 * the same packet by the CPU's arrival, if that ends the handshake (SYN cookie, Fast Open);
 * else the request's cookie is noted, which its session will have.
 *
 * Each has a record nevertheless, without a charge (HC_S_DIVERTED): so that no walk takes it
 * for a session that was missed.
 */
#ifndef HEADCOUNT_DIVERTED_H
#define HEADCOUNT_DIVERTED_H

#include "arrival.h"
#include "excess_maps.h"

static __noinline void diverted_note(__u64 id)
{
	__u64 now = bpf_ktime_get_ns();

	bpf_map_update_elem(&diverted, &id, &now, BPF_ANY);
}

static __always_inline bool diverted_any(void)
{
	const struct hc_control *policy = policy_control();

	return policy && policy->diverting;
}

/* A SYN was queued. While anything may be redirected each request is given its cookie, by which
 * its session is told from one that a single packet has made: what a CPU remembers of such a
 * packet may be true of another one, with the same ports. */
static __always_inline void request_queued(struct bpf_sock_ops *ctx)
{
	if (arrival_queued(ctx->remote_ip4, ctx->remote_ip6[3], bpf_ntohl(ctx->remote_port),
			   ctx->local_port))
		diverted_note(bpf_get_socket_cookie(ctx));
	else if (diverted_any())
		bpf_get_socket_cookie(ctx);
}

/* Was the session that is being accepted redirected, as its request was queued? */
static __always_inline bool diverted_take(__u64 id)
{
	if (!diverted_any() || !bpf_map_lookup_elem(&diverted, &id))
		return false;
	bpf_map_delete_elem(&diverted, &id);
	return true;
}

#endif
