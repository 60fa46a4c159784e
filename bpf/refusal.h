/* SPDX-License-Identifier: GPL-2.0-only */
/* Telling of refusals, in a ring of their own. */
#ifndef HEADCOUNT_REFUSAL_H
#define HEADCOUNT_REFUSAL_H

#include "admit.h"

/* `refused` is the session that was not to be. */
static __always_inline void refusal_emit(const struct claim *claim, __u64 id,
					 struct hc_session *refused, enum verdict verdict)
{
	struct hc_event *event;

	if (!claim->report)
		return;
	event = bpf_ringbuf_reserve(&refusals, sizeof(*event), 0);
	if (!event) {
		count_loss(HC_LOSS_REFUSALS_FULL);
		refusal_uncount(claim);
		return;
	}
	emit_fill(event, id, refused, HC_REFUSED, claim->now);
	event->time_ns = bpf_ktime_get_ns();
	event->flags = (claim->over ? HC_F_OBSERVED : 0) |
		       (verdict == OVER_TOTAL ? HC_F_TOTAL : 0) | (refused->flags & HC_F_LATE) |
		       (address_is_ipv4(refused->ends.remote) ? HC_F_IPV4 : 0);
	event->active = claim->active;
	event->cap = claim->cap;
	event->suppressed = claim->suppressed;
	emit_submit(event);
}

#endif
