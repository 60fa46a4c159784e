/* SPDX-License-Identifier: GPL-2.0-only */
/* Telling of refusals, in a ring of their own. */
#ifndef HEADCOUNT_REFUSAL_H
#define HEADCOUNT_REFUSAL_H

#include "admit.h"

/* Counts a refusal that was none of a claim's that was to be quiet. */
static __noinline void refusal_note(struct claim *claim, const struct hc_user_key *key,
				    const struct hc_service *service, bool total)
{
	struct hc_user_set *set;
	struct hc_user *user = user_at(claim->position, &set);
	struct hc_service_state *state = total ? total_state(key->service) : NULL;

	claim->quiet = false;
	if (user) {
		bpf_spin_lock(&set->lock);
		if (user_same(&user->key, key))
			refusal_count(user, claim, service, total);
		bpf_spin_unlock(&set->lock);
	}
	if (!state)
		return;
	bpf_spin_lock(&state->lock);
	state->refused++;
	bpf_spin_unlock(&state->lock);
}

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
	event->excess = claim->gets;
	emit_submit(event);
}

#endif
