/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The index of the sessions of services by label, by their ends; in a map that is made with the
 * first such service. A session is in it from its beginning, or from the reload that makes its
 * service one by label, until its end. An entry that is out of date does no harm: the session
 * is looked up by its cookie, and not found.
 */
#ifndef HEADCOUNT_LABEL_INDEX_H
#define HEADCOUNT_LABEL_INDEX_H

#include "sessions.h"

static __always_inline void *label_index_map(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&label_sockets, &zero);
}

static __always_inline void label_index_key(struct hc_label_socket *key,
					    const struct hc_session *session)
{
	__builtin_memcpy(key->local, session->ends.local, sizeof(key->local));
	__builtin_memcpy(key->remote, session->ends.remote, sizeof(key->remote));
	key->local_port = session->ends.local_port;
	key->remote_port = session->ends.remote_port;
	key->netns_cookie = session->netns_cookie;
}

static __always_inline void label_index_delete(void *index, const struct hc_label_socket *key,
					       __u64 id)
{
	const struct hc_labelling *entry = bpf_map_lookup_elem(index, key);

	if (entry && entry->id == id)
		bpf_map_delete_elem(index, key);
}

/* The session has ended, or its service is not by label any more. */
static __noinline void label_index_drop(__u64 id, const struct hc_session *session)
{
	void *index = label_index_map();
	struct hc_label_socket key;

	if (!index)
		return;
	label_index_key(&key, session);
	label_index_delete(index, &key, id);
}

/* Read behind a barrier: the charge is taken out before the record is anybody else's. */
static __always_inline bool label_index_current(__u64 id, const struct hc_session *session)
{
	__u64 charge = __sync_fetch_and_add((__u64 *)&session->charge, 0);

	return charge && charge_is_of(charge, id);
}

/*
 * `settled`: see struct hc_labelling. MPTCP is: a subflow that joined may have none.
 * `walking`: by a reload, without the socket's lock. The session may end meanwhile, and its
 * record be another's. Its end takes the charge out first and drops the entry then: either the
 * end sees the entry, or we see that there is no charge.
 */
static __noinline void label_index_add(__u64 id, const struct hc_session *session, bool walking,
				       bool settled)
{
	void *index = label_index_map();
	struct hc_label_socket key;
	struct hc_labelling entry = {
		.id = id,
		.opened_ns = session->opened_ns,
		.netns = session->ends.netns,
		.settled = settled,
	};
	const struct hc_labelling *known;

	if (!index)
		return;
	label_index_key(&key, session);
	known = walking ? bpf_map_lookup_elem(index, &key) : NULL;
	if (known && known->id == id)
		return;
	/* What was read is of another session. */
	if (walking && !label_index_current(id, session))
		return;
	if (bpf_map_update_elem(index, &key, &entry, BPF_ANY))
		count_loss(HC_LOSS_LABELS_FULL);
	else if (walking && !label_index_current(id, session))
		label_index_delete(index, &key, id);
}

/* It has its label: it need not be closed. */
static __noinline void label_index_mark(__u64 id, const struct hc_session *session)
{
	void *index = label_index_map();
	struct hc_label_socket key;
	struct hc_labelling *entry;

	if (!index)
		return;
	label_index_key(&key, session);
	entry = bpf_map_lookup_elem(index, &key);
	if (entry && entry->id == id)
		entry->settled = true;
}

/* The session of the socket that setsockopt() was called for. */
static __noinline struct hc_labelling *label_index_find(struct bpf_sockopt *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	struct hc_label_socket key = {};
	void *index = label_index_map();

	if (!sk || !index)
		return NULL;
	if (sk->family == AF_INET) {
		address_from_ipv4(key.local, sk->src_ip4);
		address_from_ipv4(key.remote, sk->dst_ip4);
	} else {
		address_from_ctx(key.local, sk->src_ip6);
		address_from_ctx(key.remote, sk->dst_ip6);
	}
	key.local_port = sk->src_port;
	key.remote_port = bpf_ntohs(sk->dst_port);
	key.netns_cookie = bpf_get_netns_cookie(ctx);
	return bpf_map_lookup_elem(index, &key);
}

#endif
