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
#include "places.h"

static __always_inline struct hc_session_set *session_set(__u64 id, __u32 try)
{
	__u32 set = session_place(id, try, session_sets);

	return bpf_map_lookup_elem(&sessions, &set);
}

static __noinline struct hc_session *session_of(__u64 id)
{
	for (__u32 try = 0; try < HC_SESSION_TRIES; try++) {
		struct hc_session_set *set = session_set(id, try);

		if (!set)
			return NULL;
		for (__u32 way = 0; way < HC_SESSION_WAYS; way++)
			if (set->id[way] == id)
				return &set->way[way];
	}
	return NULL;
}

/* The same, when the socket may be one that nobody has asked for its cookie yet:
 * then it has no record, and looking for one in every set is saved. `cookie` is
 * what skc_cookie was before `id` was asked for. */
static __always_inline struct hc_session *session_of_seen(__u64 id, __u64 cookie)
{
	return cookie ? session_of(id) : NULL;
}

/* A reservation whose socket never came to anything, and whose slot has been
 * forgotten long since. (Sockets of the kernel, such as MPTCP's subflows, are
 * closed without our seeing it if they never connected.) */
static __always_inline bool session_forgotten(const struct hc_session *session, __u64 now)
{
	return session->flags & HC_F_CONNECTING &&
	       (__s64)(now - session->opened_ns) > (__s64)(HC_TICKS + 1ull) << HC_HELD_SHIFT;
}

/*
 * A fresh record, all zero but for its place; NULL if there is no room, which is
 * counted. The id must not be in the table. Free ways of all sets come first, in
 * the second round those of forgotten reservations.
 */
static __noinline struct hc_session *session_make(__u64 id, __u64 now)
{
	for (__u32 try = 0; try < 2 * HC_SESSION_TRIES; try++) {
		struct hc_session_set *set = session_set(id, try % HC_SESSION_TRIES);

		if (!set)
			return NULL;
		for (__u32 way = 0; way < HC_SESSION_WAYS; way++) {
			struct hc_session *session = &set->way[way];
			__u64 old = set->id[way];

			if (old && (try < HC_SESSION_TRIES || !session_forgotten(session, now)))
				continue;
			if (__sync_val_compare_and_swap(&set->id[way], old, id) != old)
				continue;
			__builtin_memset(session, 0, sizeof(*session));
			session->way = way;
			session->try = try % HC_SESSION_TRIES;
			return session;
		}
	}
	count_loss(HC_LOSS_SESSIONS_FULL);
	return NULL;
}

/* Its charge has been taken out before. */
static __always_inline void session_free(__u64 id, const struct hc_session *session)
{
	__u32 way = session->way;
	struct hc_session_set *set = session_set(id, session->try);

	if (set && way < HC_SESSION_WAYS)
		__sync_lock_test_and_set(&set->id[way], 0);
}

#endif
