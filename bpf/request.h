/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Handshakes that take their time. A reservation is forgotten by time, and has to live as long
 * as the request socket that it stands for, or a client that holds its ACKs back would get in
 * over its cap. No request lives on without its SYN-ACK going out again, by the timer or
 * because the client repeats its SYN; each time the reservation is renewed. How long that goes
 * on is bounded on listeners of limited services (request_bound).
 *
 * What was redirected holds no slot to be renewed, and does not come here: no request of a
 * listener that is in a map of sockets does, for bpf_skc_to_tcp_request_sock() does not know
 * those.
 *
 * TCP_DEFER_ACCEPT is the exception: once the ACK is there the kernel waits for data in
 * silence. Such a session may come late, and session_accepted() looks at it once more.
 */
#ifndef HEADCOUNT_REQUEST_H
#define HEADCOUNT_REQUEST_H

#include "admit.h"
#include "compat.h"

/* The service of whoever connects here, if it can refuse anybody; else NULL. */
static __always_inline const struct hc_service *request_service(const struct hc_ends *ends,
								__u32 cookie, __u16 *id)
{
	const struct hc_control *policy = policy_control();
	const struct hc_service *service;
	__u32 generation;

	if (!policy)
		return NULL;
	generation = policy_generation(policy);
	if (!netns_enforced(policy, generation, ends->netns, cookie))
		return NULL;
	*id = service_listening(generation, ends->local, ends->local_port);
	service = policy_service(generation, *id);
	return service && service->limited ? service : NULL;
}

/* Whose slot the handshake holds; false: nobody's. */
static __noinline bool request_user(struct request *request, const struct sock_common *common)
{
	struct hc_ends ends = {};
	const struct hc_listener *listener;
	const struct hc_service *service;
	struct person person = {.uid = HC_UID_UNKNOWN};
	__u16 id;

	addresses_of(&ends, common);
	ends.local_port = common->skc_num;
	ends.remote_port = bpf_ntohs(common->skc_dport);
	service =
		policy_gated()
			? request_service(&ends, compat_netns_cookie(common->skc_net.net), &id)
			: NULL;
	if (!service)
		return false;
	listener = listener_of(ends.netns, ends.local, ends.local_port);
	if (listener) {
		person.uid = listener->uid;
		person.cgroup = listener->cgroup;
	} else if (id < HC_FIRST_SERVICE || !service_by_client(service)) {
		return false; /* the gate let it pass, too */
	}
	user_of(&request->user, service, id, ends.remote, &person);
	return true;
}

/* The SYN-ACK of a request socket went out again. */
static __always_inline void request_renew(__u64 id, const struct tcp_request_sock *req)
{
	struct claim claim = {.now = bpf_ktime_get_ns()};
	struct request *known = bpf_map_lookup_elem(&requests, &id), fresh = {};
	__u64 when =
		held_renewed(claim.now, BPF_CORE_READ_BITFIELD(&req->req.req, num_timeout));

	if (known) {
		claim.when = known->when;
		/* The timer on one CPU, a repeated SYN on another: one renews. */
		if (__sync_val_compare_and_swap(&known->when, claim.when, when) == claim.when)
			user_renew(&claim, &known->user, when, false);
		return;
	}
	if (!request_user(&fresh, &req->req.req.__req_common))
		return;
	fresh.when = when;
	if (bpf_map_update_elem(&requests, &id, &fresh, BPF_NOEXIST))
		return;
	claim.when = req->snt_synack * 1000;
	user_renew(&claim, &fresh.user, when, false);
}

/* When the reservation of a session that is being accepted was made, as far as it was renewed.
 */
static __always_inline __u64 request_taken(__u64 id)
{
	struct request *known = bpf_map_lookup_elem(&requests, &id);
	__u64 when = known ? known->when : 0;

	if (known)
		bpf_map_delete_elem(&requests, &id);
	return when;
}

/* A listener of a limited service: how long its handshakes live is bounded. `ctx` is what
 * bpf_setsockopt() wants of the program that asks. Not inline: on_milestone's frame is below
 * the deepest chain of calls, which 6.1 counts in pieces of 32 bytes. */
static __noinline void request_bound(void *ctx, const struct tcp_sock *tp)
{
	struct hc_ends ends = {};
	int retries = HC_SYN_RETRIES;
	__u8 before = tp->inet_conn.icsk_syn_retries;
	__u16 id;

	ends_of(&ends, tp);
	if ((!before || before > retries) &&
	    request_service(
		    &ends,
		    compat_netns_cookie(tp->inet_conn.icsk_inet.sk.__sk_common.skc_net.net),
		    &id))
		bpf_setsockopt(ctx, SOL_TCP, TCP_SYNCNT, &retries, sizeof(retries));
}

#endif
