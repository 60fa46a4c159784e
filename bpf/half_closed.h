/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Since when one of the two sides has ended a session: it is half-closed, and nothing else may
 * ever come of it, whose program forgot to close it or whose peer is gone. The kernel keeps no
 * time of a FIN, so that it is noted in the session's record, by jiffies (no clock is read).
 *
 * The time is rounded up by some ticks: what is told is never longer than the truth. A session
 * that was half-closed before headcount has none.
 */
#ifndef HEADCOUNT_HALF_CLOSED_H
#define HEADCOUNT_HALF_CLOSED_H

#include "sessions.h"

#define HALF_CLOSED_UNIT (1u << HC_HALF_CLOSED_SHIFT)
#define HALF_CLOSED_MASK ((1u << HC_HALF_CLOSED_BITS) - 1)

/* The first FIN: the peer's, or ours. States that come later are not looked at. */
static __always_inline bool half_closes(int new_state)
{
	return new_state == TCP_CLOSE_WAIT || new_state == TCP_FIN_WAIT1;
}

/* Under the socket's lock. */
static __always_inline void half_closed_note(__u64 id)
{
	struct hc_session *session = session_of(id);
	__u64 now = bpf_jiffies64() + HALF_CLOSED_UNIT - 1;

	if (session && !session->half_closed)
		session->half_closed = (now >> HC_HALF_CLOSED_SHIFT & HALF_CLOSED_MASK) ?: 1;
}

/* For how long, in the record's units; or HC_NEVER. */
static __always_inline __u32 half_closed_for(const struct hc_session *session)
{
	__u32 now = bpf_jiffies64() >> HC_HALF_CLOSED_SHIFT, since;

	if (!session->half_closed)
		return HC_NEVER;
	since = (now - session->half_closed) & HALF_CLOSED_MASK;
	return since < HALF_CLOSED_MASK - 1 ? since : 0; /* it was rounded up */
}

#endif
