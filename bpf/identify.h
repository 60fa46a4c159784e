/* SPDX-License-Identifier: GPL-2.0-only */
/* Which service and which user a socket belongs to. */
#ifndef HEADCOUNT_IDENTIFY_H
#define HEADCOUNT_IDENTIFY_H

#include "maps.h"

/* Everything that may identify a user. */
struct person {
	__u64 cgroup;
	__u32 uid;
};

/* From a program's context: each word by a load of its own, at a fixed offset
 * of ctx, which is all that the verifier lets pass. */
#define address_from_ctx(to, from)                                                             \
	do {                                                                                   \
		((__u32 *)(to))[0] = *(volatile __u32 *)&(from)[0];                            \
		((__u32 *)(to))[1] = *(volatile __u32 *)&(from)[1];                            \
		((__u32 *)(to))[2] = *(volatile __u32 *)&(from)[2];                            \
		((__u32 *)(to))[3] = *(volatile __u32 *)&(from)[3];                            \
	} while (0)

static __always_inline void address_from_ipv4(__u8 to[16], __be32 from)
{
	__u32 *word = (__u32 *)to;

	word[0] = 0;
	word[1] = 0;
	word[2] = bpf_htonl(0xffff);
	word[3] = from;
}

/* By words: clang does not know how an address that it is given is aligned. */
static __always_inline void address_copy(__u8 to[16], const __u8 from[16])
{
	for (int i = 0; i < 4; i++)
		((__u32 *)to)[i] = ((const __u32 *)from)[i];
}

static __always_inline bool address_is_ipv4(const __u8 address[16])
{
	const __u32 *word = (const __u32 *)address;

	return !word[0] && !word[1] && word[2] == bpf_htonl(0xffff);
}

static __always_inline void address_mask(__u64 word[2], __u32 prefix)
{
	__u64 high = prefix >= 64 ? ~0ull : ~(~0ull >> (prefix & 63));
	__u64 low = prefix >= 128 ? ~0ull : prefix <= 64 ? 0 : ~(~0ull >> (prefix & 63));

	word[0] &= bpf_cpu_to_be64(high);
	word[1] &= bpf_cpu_to_be64(low);
}

static __always_inline void addresses_of(struct hc_ends *ends, const struct sock_common *common)
{
	__u32 *local = (__u32 *)ends->local, *remote = (__u32 *)ends->remote;

	ends->netns = common->skc_net.net->ns.inum;
	if (common->skc_family == AF_INET) {
		address_from_ipv4(ends->local, common->skc_rcv_saddr);
		address_from_ipv4(ends->remote, common->skc_daddr);
		return;
	}
#pragma unroll
	for (int i = 0; i < 4; i++) {
		local[i] = common->skc_v6_rcv_saddr.in6_u.u6_addr32[i];
		remote[i] = common->skc_v6_daddr.in6_u.u6_addr32[i];
	}
}

/* inet_sport survives the unhash that comes before CLOSE; skc_num does not. */
static __always_inline void ends_of(struct hc_ends *ends, const struct tcp_sock *tp)
{
	const struct inet_sock *inet = &tp->inet_conn.icsk_inet;
	const struct sock_common *common = &inet->sk.__sk_common;

	addresses_of(ends, common);
	ends->local_port = bpf_ntohs(inet->inet_sport);
	ends->remote_port = bpf_ntohs(common->skc_dport);
}

static __always_inline void person_of(struct person *person, const struct sock *sk)
{
	person->uid = sk->sk_uid.val;
	person->cgroup = sk->sk_cgrp_data.cgroup->kn->id;
}

/* By the task itself: not every hook has the helpers for the current process. */
static __always_inline void process_of(const struct task_struct *task, __u32 *pid,
				       char comm[HC_COMM_MAX])
{
	/* Reading through BTF works under lockdown, where bpf_probe_read_kernel() may be
	 * refused; each such read is checked, so that a few wide ones are cheaper. */
	const __u64 *from = (const __u64 *)task->comm;

	*pid = task->tgid;
	((__u64 *)comm)[0] = from[0];
	((__u64 *)comm)[1] = from[1];
}

/* Does headcount enforce inbound services in this namespace? `cookie`: 0 if it is not known. */
static __always_inline bool netns_enforced(const struct hc_control *policy, __u32 generation,
					   __u32 netns, __u32 cookie)
{
	__u32 half = policy_half(generation), known;
	const struct hc_namespace *other;

	if (policy->netns[half] == netns) {
		known = policy->netns_cookie[half];
	} else {
		other = bpf_map_lookup_elem(&namespaces, &netns);
		if (!other || !(other->halves & (1u << half)))
			return false;
		known = other->cookie;
	}
	return !known || !cookie || known == cookie;
}

/* The inbound service of a local port in an enforced namespace. */
static __always_inline __u16 service_listening(__u32 generation, const __u8 local[16],
					       __u16 port)
{
	__u32 half = policy_half(generation), index = half * HC_PORTS + port;
	const __u16 *entry = bpf_map_lookup_elem(&ports, &index);
	__u16 service = entry ? *entry : 0;

	if (service & HC_PORT_BY_ADDRESS) {
		struct hc_address_key key = {.port = port, .half = half};
		const __u16 *special;

		__builtin_memcpy(key.address, local, sizeof(key.address));
		special = bpf_map_lookup_elem(&addresses, &key);
		if (special)
			return *special;
	}
	service &= ~HC_PORT_BY_ADDRESS;
	return service ?: HC_INBOUND_SERVICE;
}

/*
 * The listener of a local address and port: on the address itself, on any
 * address of its family, or on a dual-stack [::].
 */
static __noinline struct hc_listener *listener_of(__u32 netns, const __u8 local[16], __u16 port)
{
	struct hc_listener_key key = {.netns = netns, .port = port};
	struct hc_listener *listener = NULL;
	__u32 index = port;
	const __u32 *kinds = bpf_map_lookup_elem(&listened, &index);

	if (!kinds || !*kinds)
		return NULL;
	if (*kinds & HC_LISTEN_ADDRESS) {
		address_copy(key.address, local);
		listener = bpf_map_lookup_elem(&listeners, &key);
	}
	if (!listener && *kinds & HC_LISTEN_IPV4 && address_is_ipv4(local)) {
		address_from_ipv4(key.address, 0);
		listener = bpf_map_lookup_elem(&listeners, &key);
	}
	if (!listener && *kinds & HC_LISTEN_ANY) {
		__builtin_memset(key.address, 0, sizeof(key.address));
		listener = bpf_map_lookup_elem(&listeners, &key);
	}
	return listener;
}

/* By which of its look-ups listener_of() finds such a listener. */
static __always_inline __u32 listener_kind(const struct hc_listener_key *key)
{
	const __u64 *word = (const __u64 *)key->address;

	if (!word[0] && !word[1])
		return HC_LISTEN_ANY;
	if (address_is_ipv4(key->address) && !*(const __u32 *)&key->address[12])
		return HC_LISTEN_IPV4;
	return HC_LISTEN_ADDRESS;
}

/* Is whoever comes in charged to his address, at first at least? */
static __always_inline bool service_by_client(const struct hc_service *service)
{
	return service->identify == HC_BY_CLIENT || service->identify == HC_BY_LABEL;
}

static __always_inline void user_of(struct hc_user_key *key, const struct hc_service *service,
				    __u16 id, const __u8 remote[16],
				    const struct person *person)
{
	__builtin_memset(key, 0, sizeof(*key));
	key->service = id;
	key->kind = service->identify;
	if (service->identify == HC_BY_UID) {
		key->uid = person->uid;
	} else if (service->identify == HC_BY_CGROUP) {
		key->cgroup = person->cgroup;
	} else {
		if (service->identify == HC_BY_LABEL)
			key->kind = HC_UNLABELLED;
		address_copy(key->id, remote);
		key->prefix =
			address_is_ipv4(remote) ? 96 + service->prefix4 : service->prefix6;
		address_mask(key->word, key->prefix);
	}
}

#endif
