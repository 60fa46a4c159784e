/* SPDX-License-Identifier: GPL-2.0-only */
/* Where a session comes from: its ends, the process, and whom that acts for. */
#ifndef HEADCOUNT_ORIGIN_H
#define HEADCOUNT_ORIGIN_H

#include "compat.h"
#include "listen.h"
#include "sessions.h"

static __always_inline void session_set_ends(struct hc_session *session,
					     const struct tcp_sock *tp)
{
	/* Before anything is written: after that the kernel's memory would be read anew. */
	__u32 cookie = compat_netns_cookie(tp->inet_conn.icsk_inet.sk.__sk_common.skc_net.net);

	ends_of(&session->ends, tp);
	session->netns_cookie = cookie;
	if (address_is_ipv4(session->ends.remote))
		session->flags |= HC_F_IPV4;
}

/* A subflow that joins an MPTCP connection has the user and the process of the first one,
 * whoever adds it. False: that has gone, or is not known. */
static __always_inline bool session_set_first(struct hc_session *session,
					      const struct mptcp_sock *joined)
{
	const struct sock *sk = joined->first;
	__u64 id = sk ? sk->__sk_common.skc_cookie.counter : 0;
	const struct hc_session *first = session_of_seen(id, id);

	if (!first || !first->charge)
		return false;
	session->uid = first->uid;
	session->cgroup = first->cgroup;
	session->pid = first->pid;
	__builtin_memcpy(session->comm, first->comm, sizeof(session->comm));
	/* We do not hold its lock: it may have ended just now, its record be another's. */
	if (session_of(id) == first && first->charge)
		return true;
	session->pid = 0;
	__builtin_memset(session->comm, 0, sizeof(session->comm));
	return false;
}

/* The process in whose context we run, and whom it acts for: a kernel thread for the
 * socket's owner. All of it by the task: not every hook has the helpers for the current
 * process. Any process may add a subflow to an MPTCP connection, so that one tells nothing.
 * The fields that this writes are still zero. `sk`: see compat_joined(). */
static __always_inline void session_set_caller(struct hc_session *session,
					       const struct tcp_sock *tp, void *sk)
{
	const struct task_struct *task = bpf_get_current_task_btf();
	const struct mptcp_sock *joined = compat_joined(tp, sk);
	struct person owner;

	if (joined && session_set_first(session, joined))
		return;
	if (!joined)
		process_of(task, &session->pid, session->comm);
	if (joined || task->flags & PF_KTHREAD) {
		person_of(&owner,
			  joined ? &joined->sk.icsk_inet.sk : &tp->inet_conn.icsk_inet.sk);
		session->cgroup = owner.cgroup;
		session->uid = owner.uid;
	} else {
		session->cgroup = task->cgroups->dfl_cgrp->kn->id;
		session->uid = task->cred->uid.val;
	}
}

/* Who opened a session that nobody has seen begin: a socket with the port of a listener was
 * accepted, unless it was bound to that port itself. connect() chooses no port that somebody is
 * bound to. */
static __always_inline enum hc_direction direction_of(bool listens, const struct tcp_sock *tp)
{
	const struct sock *sk = &tp->inet_conn.icsk_inet.sk;

	return listens && !(BPF_CORE_READ_BITFIELD(sk, sk_userlocks) & SOCK_BINDPORT_LOCK)
		       ? HC_INBOUND
		       : HC_OUTBOUND;
}

static __always_inline bool heard_here(const struct heard *heard, const struct hc_ends *ends)
{
	const __u32 *address = (const __u32 *)heard->key.address;
	const __u32 *local = (const __u32 *)ends->local;
	__u32 differ = heard->key.netns ^ ends->netns;

	differ |= heard->key.port ^ ends->local_port;
	for (int i = 0; i < 4; i++)
		differ |= address[i] ^ local[i];
	return !differ;
}

/* Looks in the table, after it has read the port's word: what changes from then on makes what
 * is noted here old. */
static __always_inline void heard_look(struct heard *heard, const struct hc_ends *ends,
				       __u32 *word)
{
	__u32 before = __sync_fetch_and_add(word, 0);
	const struct hc_listener *listener =
		listener_of(ends->netns, ends->local, ends->local_port);

	heard->word = 0;
	if (!listener)
		return;
	address_copy(heard->key.address, ends->local);
	heard->key.netns = ends->netns;
	heard->key.port = ends->local_port;
	heard->cgroup = listener->cgroup;
	heard->uid = listener->uid;
	heard->pid = listener->pid;
	__builtin_memcpy(heard->comm, listener->comm, sizeof(heard->comm));
	heard->word = before;
}

static __always_inline void session_set_process(struct hc_session *session, __u32 uid,
						__u64 cgroup, __u32 pid, const char *comm)
{
	session->uid = uid;
	session->cgroup = cgroup;
	session->pid = pid;
	__builtin_memcpy(session->comm, comm, sizeof(session->comm));
}

/*
 * The process that listens where the session comes in, and whom it acts for; false: nobody is
 * known to listen there. What follows each other mostly comes in at one place, so each CPU
 * remembers where it looked last. A program that runs inside another one of its CPU, or in its
 * stead, finds it busy, and looks for itself.
 *
 * Not inline: the gate needs it in two places, and its stack is full.
 */
static __noinline bool session_know_listener(struct hc_session *session)
{
	const struct hc_ends *ends = &session->ends;
	__u32 index = ends->local_port, *word = bpf_map_lookup_elem(&listened, &index);
	struct cpu_state *cpu = this_cpu();
	const struct hc_listener *listener;
	struct heard *heard;
	bool known;

	if (!word || !*word)
		return false;
	if (!cpu || __sync_lock_test_and_set(&cpu->heard.busy, 1)) {
		listener = listener_of(ends->netns, ends->local, ends->local_port);
		if (listener)
			session_set_process(session, listener->uid, listener->cgroup,
					    listener->pid, listener->comm);
		return listener;
	}
	heard = &cpu->heard;
	if (heard->word != *word || !heard_here(heard, ends))
		heard_look(heard, ends, word);
	known = heard->word;
	if (known)
		session_set_process(session, heard->uid, heard->cgroup, heard->pid,
				    heard->comm);
	barrier();
	*(volatile __u32 *)&heard->busy = 0;
	return known;
}

/* The same, or if nobody is known, whom the socket's owner acts for; and false. */
static __always_inline bool session_set_listener(struct hc_session *session,
						 const struct tcp_sock *tp)
{
	struct person owner;

	if (session_know_listener(session))
		return true;
	person_of(&owner, &tp->inet_conn.icsk_inet.sk);
	session->uid = owner.uid;
	session->cgroup = owner.cgroup;
	return false;
}

/*
 * Whose labels are taken goes by the socket itself, which until accept() is its listener's in
 * all: the table of listeners knows one of those that different devices let listen at one
 * address, and of a session that is older than headcount only who listens there now. (By uid it
 * stays the table's, for whom the gate has reserved; should a reload make the service one by
 * label, that uid gives no labels.) A subflow that joins an MPTCP connection is that one's
 * already.
 */
static __always_inline void session_set_owner(struct hc_session *session,
					      const struct hc_service *service,
					      const struct tcp_sock *tp)
{
	if (service->identify != HC_BY_UID)
		session->uid = tp->inet_conn.icsk_inet.sk.sk_uid.val;
	else
		session->flags |= HC_S_UID_LISTED;
}

#endif
