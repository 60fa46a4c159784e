/* SPDX-License-Identifier: GPL-2.0-only */
/* Who listens where: the process and the owner of sessions that come in. */
#ifndef HEADCOUNT_LISTEN_H
#define HEADCOUNT_LISTEN_H

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

/* Whoever makes an entry dead deletes it at once, with preemption off: to meet a
 * dead one this often means that something else is wrong. */
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

/* A socket listens. `task` is the process that made it so, or NULL when the
 * socket is older than headcount (name_task() finds it later). */
static __noinline void listener_opened(__u64 id, const struct tcp_sock *tp,
				       const struct task_struct *task)
{
	struct hc_listener fresh = {.sockets = 1};
	struct hc_listener_key key;
	struct person person;
	__u32 index, *places;
	long error;

	listener_key_of(&key, tp);
	error = bpf_map_update_elem(&listening, &id, &key, BPF_NOEXIST);
	if (error && error != -EEXIST)
		count_loss(HC_LOSS_LISTENERS_FULL);
	if (error)
		return;
	index = key.port;
	places = bpf_map_lookup_elem(&listened, &index);
	if (places)
		__sync_fetch_and_or(places, listener_place(&key));
	if (listener_join(&key))
		return;
	person_of(&person, &tp->inet_conn.icsk_inet.sk);
	fresh.uid = person.uid;
	fresh.cgroup = person.cgroup;
	if (task)
		process_of(task->group_leader, &fresh.pid, fresh.comm);
	for (int i = 0; i < LISTENER_TRIES; i++)
		if (!bpf_map_update_elem(&listeners, &key, &fresh, BPF_NOEXIST) ||
		    listener_join(&key))
			return;
	count_loss(HC_LOSS_LISTENERS_FULL);
	bpf_map_delete_elem(&listening, &id);
}

static __noinline void listener_closed(__u64 id)
{
	struct hc_listener_key *place = bpf_map_lookup_elem(&listening, &id);
	struct hc_listener *listener;
	struct hc_listener_key key;
	bool last = false;

	if (!place)
		return;
	key = *place;
	bpf_map_delete_elem(&listening, &id);
	listener = bpf_map_lookup_elem(&listeners, &key);
	if (!listener)
		return;
	bpf_spin_lock(&listener->lock);
	if (!listener->dead && --listener->sockets == 0)
		last = listener->dead = true;
	bpf_spin_unlock(&listener->lock);
	if (last)
		bpf_map_delete_elem(&listeners, &key);
}

#endif
