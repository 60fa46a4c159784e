/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The administrators' listeners that excess = redirect leads to, marked and put into `targets`:
 * as they begin to listen, and by a walk those that listen already. No walk of sockets may do
 * that: it holds their locks, which the kernel would take again.
 */
#ifndef HEADCOUNT_TARGETS_H
#define HEADCOUNT_TARGETS_H

#include "excess_maps.h"
#include "listen.h"

/* Is it where a service redirects to, by the policy of now or the one that comes? */
static __noinline bool target_is_wanted(struct hc_target *target, const struct tcp_sock *tp)
{
	struct hc_listener_key where;
	struct hc_target_place place = {};

	listener_key_of(&where, tp);
	__builtin_memcpy(place.address, where.address, sizeof(place.address));
	place.port = where.port;
	if (!bpf_map_lookup_elem(&target_places, &place)) {
		place.half = 1;
		if (!bpf_map_lookup_elem(&target_places, &place))
			return false;
	}
	if (netns_is_elsewhere(tp->inet_conn.icsk_inet.sk.__sk_common.skc_net.net))
		return false;
	__builtin_memset(target, 0, sizeof(*target));
	__builtin_memcpy(target->address, where.address, sizeof(target->address));
	target->netns = where.netns;
	target->port = where.port;
	return true;
}

/* A socket listens. Its mark, once it has one, stays right: who was bound to a port keeps it,
 * and the address, when he listens no more, and can neither be bound to another one. */
static __noinline void target_opened(struct bpf_sock_ops *ctx, const struct tcp_sock *tp)
{
	struct bpf_sock *sk = ctx->sk;
	struct hc_target target;

	if (sk && target_is_wanted(&target, tp) &&
	    bpf_sk_storage_get(&target_marks, sk, &target, BPF_SK_STORAGE_GET_F_CREATE))
		bpf_sock_hash_update(ctx, &targets, &target, BPF_ANY);
}

/* A process has this socket open. */
static __always_inline void target_found(struct sock *sk)
{
	const struct tcp_sock *tp;
	struct hc_target target;

	if (sk->__sk_common.skc_state != TCP_LISTEN)
		return;
	tp = bpf_skc_to_tcp_sock(sk);
	if (tp && target_is_wanted(&target, tp) &&
	    bpf_sk_storage_get(&target_marks, sk, &target, BPF_SK_STORAGE_GET_F_CREATE))
		bpf_map_update_elem(&targets, &target, sk, BPF_ANY);
}

#endif
