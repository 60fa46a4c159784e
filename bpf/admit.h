/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Charge or refuse; release exactly once.
 *
 *   user_reserve()   checks the cap and takes a slot, in one step      -> enum verdict
 *   user_charge()    the session is open: a reservation becomes active -> the charge
 *   user_release()   the session is over: gives the charge back
 *
 * Each works on the user first and then, if the service has a `total`, on the
 * service as a whole, unless an override exempts the user from that; a user's slot
 * is given back when the total refuses. A
 * charge is one word that a session's record holds and that is exchanged
 * atomically, so that it is released by whoever takes it out, once.
 *
 * Functions that search the user table are global (not static) so that the
 * verifier checks each of them once, not once for every path that leads there.
 */
#ifndef HEADCOUNT_ADMIT_H
#define HEADCOUNT_ADMIT_H

#include "arrival.h"
#include "cold.h"

/* The total refused: the user's slot goes back (unless we only observe), and
 * the refusal is the user's. Not inline, nor user_unreserve(): the gates' stack is
 * full. */
static __noinline void user_refused_by_total(struct claim *claim, const struct hc_user_key *key,
					     const struct hc_service *service)
{
	struct hc_user_set *set;
	struct hc_user *user = user_at(claim->position, &set);

	claim->over =
		excess_observes(service, claim->traits); /* should the record be another's */
	if (claim->over)
		claim->gets = HC_OBSERVE;
	if (!user)
		return;
	bpf_spin_lock(&set->lock);
	if (user_same(&user->key, key)) {
		claim->active = hc_user_active(user);
		refusal_count(user, claim, service, true);
	}
	bpf_spin_unlock(&set->lock);
	claim->when = claim->now;
	if (!claim->over)
		user_drop(claim, key);
}

/*
 * Checks and takes one slot, for the user and for the total. With claim->over
 * the verdict is what it would have been: the service only observes, and the
 * slot is taken all the same.
 */
static __always_inline enum verdict user_reserve(struct claim *claim,
						 const struct hc_user_key *key,
						 const struct hc_service *service,
						 enum reservation kind)
{
	enum verdict verdict = user_try(claim, key, RESERVE, kind);

	if (verdict == UNDECIDED) {
		if (claim->look)
			arrivals_look(key, claim->now);
		verdict = user_act(claim, key, RESERVE, kind);
	}
	/* Outbound nothing is of the fleet. */
	if (kind == UNSURE && verdict == COLD)
		claim->now = bpf_ktime_get_ns(); /* by gate_time() until now */
	if (kind == UNSURE && verdict == COLD &&
	    cold_again(claim, key,
		       (service->cold == HC_COLD_ADMIT && store_answers(claim)) ||
			       excess_observes(service, claim->traits))) {
		if (claim->cold == COLD_ENTERS && !ask_emit(claim, key, NULL, NULL, 0) &&
		    !excess_observes(service, claim->traits))
			return COLD;
		verdict = user_act(claim, key, RESERVE, kind);
	}
	claim->total = false;
	if (verdict == UNTRACKED || verdict == COLD || (verdict == OVER_CAP && !claim->over))
		return verdict;
	if (!total_holds(service, key, claim->traits))
		return verdict;
	if (total_reserve(claim, key->service, service, kind) == OVER_TOTAL &&
	    verdict == ADMITTED) {
		verdict = OVER_TOTAL;
		user_refused_by_total(claim, key, service);
	}
	return verdict;
}

/* The session that was charged last, late, is refused after all: the user's counters say so. It
 * has its slot until it is closed. */
static __noinline void user_refuse_late(struct claim *claim, const struct hc_user_key *key,
					const struct hc_service *service)
{
	struct hc_user_set *set;
	struct hc_user *user = user_at(claim->position, &set);

	if (!user)
		return;
	bpf_spin_lock(&set->lock);
	if (user_same(&user->key, key)) {
		__sync_fetch_and_add(&user->opened, -1ull);
		refusal_count(user, claim, service, claim->excess == OVER_TOTAL);
	}
	bpf_spin_unlock(&set->lock);
}

/*
 * Charges a session, whatever the cap says: admission was before. Returns the
 * charge, or 0 if the user cannot be tracked. `kind` and claim->total say which
 * reservation it takes over; `act` is CHARGE_NEW, or CHARGE when a reload moves it.
 */
static __always_inline __u64 user_charge(struct claim *claim, const struct hc_user_key *key,
					 const struct hc_service *service,
					 enum reservation kind, __u64 id, enum act act)
{
	enum reservation total_kind = claim->total ? kind : NOTHING;

	if (user_try(claim, key, act, kind) != ADMITTED &&
	    user_act(claim, key, act, kind) != ADMITTED)
		return 0;
	claim->total = total_holds(service, key, claim->traits);
	if (claim->total &&
	    !total_step(claim, key->service, total_kind, TOTAL_CHARGE, service->total) &&
	    !claim->excess)
		claim->excess = OVER_TOTAL;
	if (claim->late)
		count_loss(HC_LOSS_LATE);
	return charge_pack(claim->position, key->service, id) |
	       (claim->total ? HC_CHARGE_TOTAL : 0);
}

/*
 * Releases a charge that its taker has exchanged out of the record. Returns the
 * sessions that the user still holds, and its cap in `*cap`.
 *
 * A user with a session is not reclaimed, so that the record is its own until the slot is
 * given back; after that nothing of it is touched.
 */
static __always_inline __u32 user_release(__u64 charge, __u64 now, __u32 *cap)
{
	struct hc_user_set *set;
	struct hc_user *user = user_at(charge_position(charge), &set);
	struct hc_service_state *state;
	__u32 held, before;

	if (!user)
		return 0;
	user->last_ns = now;
	*cap = user->cap;
	held = hc_user_held(user);
	state = charge & HC_CHARGE_TOTAL ? total_state(charge_service(charge)) : NULL;
	if (state)
		active_take(&state->slots);
	before = user_give(user);
	return before > held ? before - held - 1 : 0;
}

/* The same where nobody asks what is left; rare, and so not in the way of others. */
static __noinline void user_discharge(__u64 charge, __u64 now)
{
	__u32 cap;

	user_release(charge, now, &cap);
}

#endif
