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
	/* By this the slot was taken, or not: a reload may say otherwise by now. */
	const __u8 over = claim->over;

	claim->quiet = false;
	if (user) {
		bpf_spin_lock(&set->lock);
		if (user_same(&user->key, key))
			refusal_count(user, claim, service, total);
		bpf_spin_unlock(&set->lock);
	}
	claim->over = over;
	if (!state)
		return;
	bpf_spin_lock(&state->lock);
	state->refused++;
	bpf_spin_unlock(&state->lock);
}

/* Room for a record of `size` bytes that begins with an event, or NULL: the refusal is not to
 * be reported, or there is no room. Inlined: the verifier wants to know the size. */
static __always_inline void *refusal_begin(const struct claim *claim,
					   const struct hc_user_key *key, __u64 size)
{
	void *event;

	if (!claim->report)
		return NULL;
	event = bpf_ringbuf_reserve(&refusals, size, 0);
	if (!event) {
		count_loss(HC_LOSS_REFUSALS_FULL);
		refusal_uncount(claim, key);
	}
	return event;
}

/* As emit_end(): it wakes nobody. */
static __always_inline void refusal_end(void *event)
{
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
}

/* `refused` is the session that was not to be, or not that user's. */
static __always_inline void refusal_fill(struct hc_event *event, const struct claim *claim,
					 __u64 id, const struct hc_session *refused,
					 enum verdict verdict)
{
	emit_fill(event, id, refused, HC_REFUSED, claim->now);
	event->flags = (claim->over ? HC_F_OBSERVED : 0) |
		       (verdict == OVER_TOTAL ? HC_F_TOTAL : 0) | (refused->flags & HC_F_LATE) |
		       (address_is_ipv4(refused->ends.remote) ? HC_F_IPV4 : 0);
	event->active = claim->active;
	event->cap = claim->cap;
	event->suppressed = claim->suppressed;
	event->excess = claim->gets;
}

static __always_inline void refusal_emit(const struct claim *claim, __u64 id,
					 struct hc_session *refused, enum verdict verdict)
{
	struct hc_event *event = refusal_begin(claim, &refused->user, sizeof(*event));

	if (!event)
		return;
	refusal_fill(event, claim, id, refused, verdict);
	event->time_ns = bpf_ktime_get_ns();
	refusal_end(event);
}

#endif
