/* SPDX-License-Identifier: GPL-2.0-only */
/* Slots of a service as a whole, while it has a `total`: the second step of charging and
 * refusing. */
#ifndef HEADCOUNT_TOTAL_H
#define HEADCOUNT_TOTAL_H

#include "claim.h"

static __always_inline struct hc_service_state *total_state(__u32 id)
{
	id &= HC_SERVICES_MAX - 1;
	return bpf_map_lookup_elem(&service_states, &id);
}

/* Do sessions of this user take slots of the service's total? */
static __always_inline bool total_holds(const struct hc_service *service,
					const struct hc_user_key *key, __u8 traits)
{
	return service->total != HC_UNLIMITED && !key->elsewhere && !(traits & HC_EXEMPT);
}

/* NOTHING: for a session that is there. */
static __always_inline enum verdict total_reserve(struct claim *claim, __u32 id,
						  const struct hc_service *service,
						  enum reservation kind)
{
	struct hc_service_state *state = total_state(id);
	enum verdict verdict = ADMITTED;

	if (!state)
		return ADMITTED;
	bpf_spin_lock(&state->lock);
	total_forget(&state->slots, claim->now);
	if (slots_taken(&state->slots) >= service->total) {
		state->refused += !claim->quiet;
		verdict = OVER_TOTAL;
	}
	claim->total = verdict == ADMITTED || excess_observes(service, claim->traits);
	if (claim->total && kind == NOTHING)
		active_add(&state->slots, 1);
	else if (claim->total)
		total_take(&state->slots, kind, claim->now);
	bpf_spin_unlock(&state->lock);
	return verdict;
}

/* What a reservation of the total turns into. */
enum total_step {
	TOTAL_DROP,
	TOTAL_HOLD,
	TOTAL_CHARGE,
};

/* With TOTAL_CHARGE: false if the reservation was forgotten, and the total `most` is passed
 * now. */
static __always_inline bool total_step(const struct claim *claim, __u32 id,
				       enum reservation kind, enum total_step step, __u32 most)
{
	struct hc_service_state *state = total_state(id);
	bool within = true;

	if (!state)
		return true;
	bpf_spin_lock(&state->lock);
	total_forget(&state->slots, claim->now);
	within = total_give(&state->slots, kind, claim->when);
	/* Not known, or forgotten: the newest. Whose that is comes late, and is looked at. */
	if (!within && kind == HELD && step == TOTAL_CHARGE)
		within = total_give(&state->slots, kind, 0);
	/* What was forgotten may be another's by now. */
	if (step == TOTAL_HOLD && within)
		total_take(&state->slots, HELD, claim->now);
	else if (step == TOTAL_CHARGE)
		active_add(&state->slots, 1);
	within |= state->slots.active <= most;
	bpf_spin_unlock(&state->lock);
	return within;
}

#endif
