/* SPDX-License-Identifier: GPL-2.0-only */
/* Who listens where: the process and the owner of sessions that come in. */
#ifndef HEADCOUNT_LISTEN_H
#define HEADCOUNT_LISTEN_H

#include "compat.h"
#include "identify.h"

static __always_inline void listener_key_of(struct hc_listener_key *key,
					    const struct tcp_sock *tp)
{
	struct hc_ends ends;

	ends_of(&ends, tp);
	__builtin_memset(key, 0, sizeof(*key));
	__builtin_memcpy(key->address, ends.local, sizeof(key->address));
	key->netns = ends.netns;
	key->port = ends.local_port;
}

/* Who listens on the port has changed: what CPUs remember of it is old. */
static __always_inline void listeners_changed(__u16 port)
{
	__u32 index = port, *word = bpf_map_lookup_elem(&listened, &index);

	if (word)
		__sync_fetch_and_add(word, HC_LISTEN_CHANGE);
}

/* A dead entry is deleted at once by the program that made it dead, with preemption off: to
 * meet a dead one this often means that something else is wrong. */
#define LISTENER_TRIES 16

/* Another socket listens there too. False: there is no entry, or a dead one. */
static __always_inline bool listener_join(const struct hc_listener_key *key)
{
	struct hc_listener *listener = bpf_map_lookup_elem(&listeners, key);
	bool joined = false;

	if (!listener)
		return false;
	bpf_spin_lock(&listener->lock);
	if (!listener->dead) {
		listener->sockets++;
		joined = true;
	}
	bpf_spin_unlock(&listener->lock);
	return joined;
}

/* Gives back what elsewhere_take() took. */
static __always_inline void elsewhere_drop(void)
{
	__u32 zero = 0, *count = bpf_map_lookup_elem(&elsewhere, &zero);

	if (count)
		__sync_fetch_and_add(count, -1);
}

/* Room for a socket that listens where nobody enforces; false: there are too many. */
static __always_inline bool elsewhere_take(void)
{
	__u32 zero = 0, *count = bpf_map_lookup_elem(&elsewhere, &zero);

	if (!count || __sync_fetch_and_add(count, 1) < listening_elsewhere)
		return true;
	elsewhere_drop();
	return false;
}

/* The socket is counted, once; false: it was before, or there is no room. */
static __always_inline bool listening_insert(__u64 id, const struct hc_listening *entry)
{
	long error;

	if (bpf_map_lookup_elem(&listening, &id))
		return false;
	if (entry->elsewhere && !elsewhere_take()) {
		count_loss(HC_LOSS_LISTENERS_ELSEWHERE);
		return false;
	}
	error = bpf_map_update_elem(&listening, &id, entry, BPF_NOEXIST);
	if (!error)
		return true;
	if (entry->elsewhere)
		elsewhere_drop();
	if (error != -EEXIST)
		count_loss(HC_LOSS_LISTENERS_FULL);
	return false;
}

/* The program that deletes it gives its room back. */
static __always_inline bool listening_delete(__u64 id, bool is_elsewhere)
{
	if (bpf_map_delete_elem(&listening, &id))
		return false;
	if (is_elsewhere)
		elsewhere_drop();
	return true;
}

static __always_inline bool netns_is_elsewhere(const struct net *net)
{
	const struct hc_control *policy = policy_control();

	return !policy || !netns_enforced(policy, policy_generation(policy), net->ns.inum,
					  compat_netns_cookie(net));
}

/* Does it take a privilege of the host to listen on this port? Root of a namespace of its own
 * may listen on each one there. */
static __always_inline bool port_is_privileged(const struct net *net, __u16 port)
{
	return port < compat_first_open_port(net) && !net->user_ns->level;
}

/* A socket listens. `task` is the process that made it so, or NULL when the
 * socket is older than headcount (walk_files finds it later). */
static __noinline void listener_opened(__u64 id, const struct tcp_sock *tp,
				       const struct task_struct *task)
{
	struct hc_listener fresh = {.sockets = 1};
	struct hc_listening entry = {};
	const struct net *net = tp->inet_conn.icsk_inet.sk.__sk_common.skc_net.net;
	struct person person;
	__u32 index, *kinds;

	listener_key_of(&entry.key, tp);
	entry.elsewhere = netns_is_elsewhere(net);
	if (!listening_insert(id, &entry))
		return;
	index = entry.key.port;
	kinds = bpf_map_lookup_elem(&listened, &index);
	if (kinds)
		__sync_fetch_and_or(kinds, listener_kind(&entry.key));
	if (listener_join(&entry.key))
		return;
	person_of(&person, &tp->inet_conn.icsk_inet.sk);
	fresh.uid = person.uid;
	fresh.cgroup = person.cgroup;
	fresh.privileged = port_is_privileged(net, entry.key.port);
	if (task)
		process_of(task->group_leader, &fresh.pid, fresh.comm);
	for (int i = 0; i < LISTENER_TRIES; i++) {
		if (!bpf_map_update_elem(&listeners, &entry.key, &fresh, BPF_NOEXIST)) {
			listeners_changed(entry.key.port);
			return;
		}
		if (listener_join(&entry.key))
			return;
	}
	count_loss(HC_LOSS_LISTENERS_FULL);
	listening_delete(id, entry.elsewhere);
}

static __noinline void listener_closed(__u64 id)
{
	struct hc_listening *found = bpf_map_lookup_elem(&listening, &id);
	struct hc_listener *listener;
	struct hc_listening entry;
	bool last = false;

	if (!found)
		return;
	entry = *found;
	if (!listening_delete(id, entry.elsewhere))
		return;
	listener = bpf_map_lookup_elem(&listeners, &entry.key);
	if (!listener)
		return;
	bpf_spin_lock(&listener->lock);
	if (!listener->dead && --listener->sockets == 0)
		last = listener->dead = true;
	bpf_spin_unlock(&listener->lock);
	if (!last)
		return;
	bpf_map_delete_elem(&listeners, &entry.key);
	listeners_changed(entry.key.port);
}

#endif
