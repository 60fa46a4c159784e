/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an inbound attempt over the cap gets, where that is neither a RST nor to be let in:
 *
 *   wait      sk_lookup assigns its SYN to a listener of the daemon's with a filter that lets
 *             nothing through: it vanishes. The client sends it again, and then there may be a
 *             slot. After the service's wait_max it is rejected
 *   evict     the same, and the daemon is asked to make room (the ring `pleas`), unless it has
 *             said that the user has nothing stale (`barren`)
 *   redirect  sk_lookup assigns it to another listener, and the session is nobody's
 *
 * All of it is behind the decision that the attempt is over the cap. Where the socket is not
 * there (the daemon's go as it does) the attempt is rejected, and that is counted.
 */
#ifndef HEADCOUNT_EXCESS_BPF_H
#define HEADCOUNT_EXCESS_BPF_H

#include "arrival.h"
#include "cold.h"
#include "excess_maps.h"

/* Of each attempt the gaps double: what comes much later is another one, from the same port. */
#define ATTEMPT_PAUSE_NS 8000000000ull

static __always_inline bool attempt_is_over(const struct hc_waiting *waiting, __u64 now)
{
	__u64 age = waiting->last_ns - waiting->first_ns;

	return (__s64)(now - waiting->last_ns) > (__s64)(2 * age + ATTEMPT_PAUSE_NS);
}

static __always_inline void attempt_of(struct hc_attempt *attempt, const struct hc_ends *ends)
{
	__builtin_memcpy(attempt->remote, ends->remote, sizeof(attempt->remote));
	attempt->remote_port = ends->remote_port;
	attempt->local_port = ends->local_port;
	attempt->netns = ends->netns;
}

/* Notes the packet; when the attempt that it is of began. In claim->again whether that has come
 * before; or if it is one that `tells`, which is done once, has been told before. */
static __noinline __u64 attempt_note(struct claim *claim, const struct hc_ends *ends,
				     bool tells)
{
	struct hc_waiting fresh = {
		.first_ns = claim->now, .last_ns = claim->now, .told = tells};
	struct hc_waiting *known;
	struct hc_attempt attempt;

	attempt_of(&attempt, ends);
	known = bpf_map_lookup_elem(&waiting, &attempt);
	if (known && !attempt_is_over(known, claim->now)) {
		claim->again = !tells || known->told;
		known->told |= tells;
		known->last_ns = claim->now;
		return known->first_ns;
	}
	bpf_map_update_elem(&waiting, &attempt, &fresh, BPF_ANY);
	return claim->now;
}

/* It has got its answer. */
static __noinline void attempt_forget(const struct hc_ends *ends)
{
	struct hc_attempt attempt;

	attempt_of(&attempt, ends);
	bpf_map_delete_elem(&waiting, &attempt);
}

/* The packet goes to this socket. False: it is not there, or not of the packet's family. */
static __noinline bool target_take(struct bpf_sk_lookup *ctx, const struct hc_target *target)
{
	struct bpf_sock *sk = bpf_map_lookup_elem(&targets, target);
	long error;

	if (!sk)
		return false;
	error = bpf_sk_assign(ctx, sk, 0);
	bpf_sk_release(sk);
	return !error;
}

/* One that listens on the port, on the address or any, of IPv4 or not. */
static __noinline bool target_find(struct bpf_sk_lookup *ctx, struct hc_target *target)
{
	const __u64 *word = (const __u64 *)target->address;

	if ((word[0] | word[1]) && target_take(ctx, target))
		return true;
	if (ctx->family == AF_INET) {
		address_from_ipv4(target->address, 0);
		if (target_take(ctx, target))
			return true;
	}
	__builtin_memset(target->address, 0, sizeof(target->address));
	return target_take(ctx, target);
}

static __noinline bool target_redirect(struct bpf_sk_lookup *ctx,
				       const struct hc_service *service, __u32 netns)
{
	const struct hc_redirect *redirect = &service->redirect;
	struct hc_target target = {
		.netns = netns, .port = redirect->port, .own = redirect->own};
	const __u64 *word = (const __u64 *)redirect->address;

	if (!redirect->port)
		return redirect->own && target_take(ctx, &target);
	target.own = 0;
	__builtin_memcpy(target.address, redirect->address, sizeof(target.address));
	if (target_find(ctx, &target))
		return true;
	if (word[0] | word[1])
		return false;
	/* The port alone: it may be there for nobody else, on loopback. */
	if (ctx->family == AF_INET)
		address_from_ipv4(target.address, bpf_htonl(0x7f000001));
	else
		((__u32 *)target.address)[3] = bpf_htonl(1);
	return target_take(ctx, &target);
}

/* The daemon is asked to make room. A plea that is lost comes again with the next SYN. */
static __noinline void plea_emit(const struct claim *claim, const struct hc_user_key *user,
				 const struct hc_ends *ends, __u64 first_ns, bool total)
{
	struct hc_plea *plea = bpf_ringbuf_reserve(&pleas, sizeof(*plea), 0);

	if (!plea) {
		count_loss(HC_LOSS_PLEAS_FULL);
		return;
	}
	plea->user = *user;
	plea->ends = *ends;
	plea->first_ns = first_ns;
	plea->time_ns = claim->now;
	plea->active = claim->active;
	plea->cap = claim->cap;
	plea->total = total;
	plea->spare = 0;
	bpf_ringbuf_submit(plea, 0);
}

/* Has the daemon found nothing of the user's that could make room? */
static __always_inline bool user_is_barren(const struct hc_user_key *user, __u64 now)
{
	const __u64 *until = bpf_map_lookup_elem(&barren, user);

	return until && now < *until;
}

/* Wait and evict, and what is cold. The packet vanishes, or is to be rejected: which of enum
 * hc_excess it got. */
static __noinline enum hc_excess excess_wait(struct bpf_sk_lookup *ctx, struct claim *claim,
					     const struct hc_session *packet, __u32 wait_max,
					     enum verdict verdict)
{
	struct hc_target silent = {.own = HC_TARGET_SILENT};
	const bool evicts = claim->gets == HC_EVICT;
	__u64 first_ns;

	if (!evicts || !user_is_barren(&packet->user, claim->now)) {
		first_ns = attempt_note(claim, &packet->ends, verdict != COLD);
		if (claim->now - first_ns < wait_max * 1000000000ull) {
			if (target_take(ctx, &silent)) {
				if (verdict == COLD)
					ask_emit(claim, &packet->user, NULL, &packet->ends, 0);
				else if (evicts)
					plea_emit(claim, &packet->user, &packet->ends, first_ns,
						  verdict == OVER_TOTAL);
				return claim->gets;
			}
			count_loss(HC_LOSS_NOT_HELD);
		}
	}
	claim->again = false;
	attempt_forget(&packet->ends);
	return HC_REJECT;
}

/*
 * An attempt that is not admitted, in a service that holds: what it gets is in claim->gets, and
 * in claim->again whether that has been told before.
 */
static __always_inline void excess_hold(struct bpf_sk_lookup *ctx, struct claim *claim,
					const struct hc_session *packet,
					const struct hc_service *service, enum verdict verdict)
{
	claim->gets = verdict == COLD ? HC_WAIT : hc_excess_of(service, claim->traits);
	if (claim->gets == HC_WAIT || claim->gets == HC_EVICT) {
		claim->gets = excess_wait(ctx, claim, packet, service->wait_max, verdict);
	} else if (claim->gets == HC_REDIRECT) {
		if (target_redirect(ctx, service, packet->ends.netns)) {
			attempt_note(claim, &packet->ends, true);
		} else {
			count_loss(HC_LOSS_NOT_REDIRECTED);
			claim->gets = HC_REJECT;
		}
	}
}

#endif
