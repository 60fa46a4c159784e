/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The session table: find, make, free a record by socket cookie. Set-associative
 * in an array map: looking up needs no call, and the record is filled in place. A
 * cookie may live in any way of HC_SESSION_TRIES sets; cookies count up, so that
 * their first sets are spread evenly.
 *
 * A record belongs to whoever holds its socket's lock. Two sockets that want the
 * same way settle it by compare-and-swap of the way's id. Readers without the
 * lock (the walks, user space) skip records whose `charge` is 0: it is set last
 * and taken out first.
 */
#ifndef HEADCOUNT_SESSIONS_H
#define HEADCOUNT_SESSIONS_H

#include "maps.h"
#include "sets.h"

/* A record but for its charge, which is only ever exchanged. */
#define SESSION_REST(session) (&(session)->opened_ns) /* aligned: by words, not by bytes */
#define SESSION_REST_SIZE     (sizeof(struct hc_session) - sizeof(__u64))

/* The set of a record by its position: the ways of all sets, counted from 1. NULL for 0. */
static __always_inline struct hc_session_set *session_set_at(__u32 position, __u32 *way)
{
	__u32 index = (position - 1) / HC_SESSION_WAYS;

	*way = (position - 1) % HC_SESSION_WAYS;
	return bpf_map_lookup_elem(&sessions, &index);
}

/* The record at a position, or NULL. */
static __always_inline struct hc_session *session_at(__u32 position)
{
	__u32 way;
	struct hc_session_set *set = session_set_at(position, &way);

	if (!set)
		return NULL;
	barrier_var(set); /* clang would add to the pointer first, and then look at it */
	return &set->way[way];
}

/* The position of a session's record, 0 if it has none. Global: the verifier would go on
 * from here once for every way of every set that the record may be in. */
__noinline int session_position(__u64 id)
{
	for (__u32 try = 0; try < HC_SESSION_TRIES; try++) {
		__u32 index = session_set_of(id, try, session_sets);
		struct hc_session_set *set = bpf_map_lookup_elem(&sessions, &index);

		if (!set)
			return 0;
		for (__u32 way = 0; way < HC_SESSION_WAYS; way++)
			if (set->id[way] == id)
				return index * HC_SESSION_WAYS + way + 1;
	}
	return 0;
}

static __always_inline struct hc_session *session_of(__u64 id)
{
	return session_at(session_position(id));
}

/* The same, when the socket may be one that nobody has asked for its cookie yet:
 * then it has no record, and looking for one in every set is saved. `cookie` is
 * what skc_cookie was before `id` was asked for. */
static __always_inline struct hc_session *session_of_seen(__u64 id, __u64 cookie)
{
	return cookie ? session_of(id) : NULL;
}

/* A reservation whose socket never came to anything, and whose slot has been
 * forgotten long since: on_destroyed has missed it, as a tracing program may. */
static __always_inline bool session_forgotten(const struct hc_session *session, __u64 now)
{
	return session->flags & HC_S_CONNECTING &&
	       (__s64)(now - session->opened_ns) > (__s64)(HC_HELD_TICKS + 1ull)
							   << HC_HELD_SHIFT;
}

/*
 * Takes a way for a session that has none: its position, or 0 if there is no room. Free ways
 * of all sets come first, in the second round those of forgotten reservations. The way's id is
 * the session's with the bits of `hide` flipped. Global as session_position() is.
 */
__noinline int session_take_way(__u64 id, __u64 hide, __u64 now)
{
	for (__u32 i = 0; i < 2 * HC_SESSION_TRIES; i++) {
		bool again = i >= HC_SESSION_TRIES;
		__u32 try = again ? i - HC_SESSION_TRIES : i;
		__u32 index = session_set_of(id, try, session_sets);
		struct hc_session_set *set = bpf_map_lookup_elem(&sessions, &index);

		if (!set)
			return 0;
		for (__u32 way = 0; way < HC_SESSION_WAYS; way++) {
			__u64 old = set->id[way];

			if (old && (!again || !session_forgotten(&set->way[way], now)))
				continue;
			if (__sync_val_compare_and_swap(&set->id[way], old, id ^ hide) == old)
				return index * HC_SESSION_WAYS + way + 1;
		}
	}
	return 0;
}

/*
 * A fresh record, as `like` (NULL: all zero) but for its position; NULL if there is no room,
 * which is counted. The id must not be in the table. `hide`: 0, or HC_SESSION_HIDDEN.
 *
 * Its charge is left as it is, 0 but if a connect() has lost this way and has charged its
 * session in it all the same, before or after: session_charge() finds that, or whoever ends
 * this one.
 */
static __always_inline struct hc_session *session_make(__u64 id, __u64 hide,
						       const struct hc_session *like, __u64 now)
{
	__u32 position = session_take_way(id, hide, now);
	struct hc_session *session = session_at(position);

	if (!session) {
		count_loss(HC_LOSS_SESSIONS_FULL);
		return NULL;
	}
	if (like)
		__builtin_memcpy(SESSION_REST(session), SESSION_REST(like), SESSION_REST_SIZE);
	else
		__builtin_memset(SESSION_REST(session), 0, SESSION_REST_SIZE);
	session->position = position;
	return session;
}

/*
 * A socket that may have been closed before gets a record again, which is to be looked for as
 * it is destroyed. (Children of a listener are new.) It had none: whoever has ended that noted
 * it before. Global: the verifier goes through it once. Returns 0.
 */
__noinline int closed_forget(__u64 id)
{
	struct cpu_state *cpu = cpu_state_of(0);

	if (cpu)
		__sync_val_compare_and_swap(&cpu->turn, 0, 0); /* a full barrier */
	for (__u32 i = 0; i < HC_CPUS_MAX; i++) {
		cpu = cpu_state_of(i);
		if (!cpu)
			break;
		for (int j = 0; j < CLOSED_KEPT; j++)
			if (*(volatile __u64 *)&cpu->closed[j] == id)
				__sync_val_compare_and_swap(&cpu->closed[j], id, 0);
	}
	return 0;
}

/* A record that was made with HC_SESSION_HIDDEN is complete, and found from now on. */
static __always_inline void session_show(__u64 id, const struct hc_session *session)
{
	__u32 way;
	struct hc_session_set *set = session_set_at(session->position, &way);

	if (set)
		__sync_val_compare_and_swap(&set->id[way], id ^ HC_SESSION_HIDDEN, id);
}

/* Its charge has been taken out before. A forgotten reservation may have lost its way to
 * another session by now, which keeps it. */
static __always_inline void session_free(__u64 id, const struct hc_session *session)
{
	__u32 way;
	struct hc_session_set *set = session_set_at(session->position, &way);

	if (set)
		__sync_val_compare_and_swap(&set->id[way], id, 0);
}

#endif
