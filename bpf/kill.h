/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `headcount kill` closes sockets from user space. It runs two programs, before and after:
 *
 *   kill_mark   the session's end, should it come now, is an administrator's doing
 *   kill_tell   has it ended? Then that is told, with who asked
 *
 * A session's record goes the moment its socket reaches CLOSE, so that a record which is
 * still there is a session that was not closed. What its user holds after that is in the
 * event of its end.
 */
#ifndef HEADCOUNT_KILL_BPF_H
#define HEADCOUNT_KILL_BPF_H

#include "session.h"

/* False: there is no such session, or no more. */
static __always_inline bool kill_begins(const struct hc_kill *kill)
{
	__u32 flags = HC_S_KILLED | (kill->end == HC_END_IDLE      ? HC_S_IDLE
				     : kill->end == HC_END_EVICTED ? HC_S_EVICTED
				     : kill->end == HC_END_ALONE   ? HC_S_ALONE
								   : 0);
	__u64 id = kill->id;
	struct hc_session *session = session_of(id);

	if (!session)
		return false;
	__sync_fetch_and_or(&session->flags, flags);
	if (session_of(id) == session)
		return true;
	/* It ended just now, and its record may be another one's. */
	__sync_fetch_and_and(&session->flags, ~flags);
	return false;
}

/* Whatever the service emits: what an administrator does is always told. */
static __always_inline void kill_emit(const struct hc_kill *kill)
{
	struct emission emission;
	struct hc_event *event = emit_begin(&emission);

	if (!event)
		return;
	emit_fill(event, kill->id, &kill->session, HC_KILLED, bpf_ktime_get_ns());
	event->end = kill->end;
	event->asker = kill->asker;
	event->idle = kill->idle;
	event->evidence = kill->evidence;
	event->unanswered = kill->unanswered;
	event->unheard_ticks = kill->unheard_ticks;
	event->newcomer_port = kill->newcomer_port;
	__builtin_memcpy(event->newcomer, kill->newcomer, sizeof(event->newcomer));
	emit_end(&emission, sizeof(*event));
}

/* False: it has not ended. */
static __always_inline bool kill_ended(const struct hc_kill *kill)
{
	struct hc_session *still = session_of(kill->id);

	if (still) {
		__sync_fetch_and_and(&still->flags, ~HC_S_KILLED_BY);
		return false;
	}
	if (kill->closed)
		kill_emit(kill);
	return true;
}

#endif
