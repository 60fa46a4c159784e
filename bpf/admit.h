/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Charge or refuse; release exactly once.
 *
 *   user_reserve()   checks the cap and takes a slot, in one step      -> enum verdict
 *   user_confirm()   the packet was a SYN: unsure becomes held
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

#include "total.h"

/* With the set locked: take a slot of `kind`, or count a refusal. */
static __always_inline enum verdict reserve_locked(struct hc_user *user, struct claim *claim,
						   const struct hc_service *service,
						   enum reservation kind)
{
	struct hc_slots *slots = &user->slots;
	enum verdict verdict = ADMITTED;

	slots_forget(slots, claim->now);
	if (user->cap != HC_UNLIMITED && slots_taken(slots) >= user->cap) {
		refusal_count(user, claim, service, false);
		verdict = OVER_CAP;
		if (!claim->over)
			return verdict;
	}
	slots_reserve(slots, kind, claim->now);
	return verdict;
}

/* With the set locked: a session is charged, taking over its reservation. */
static __always_inline enum verdict charge_locked(struct hc_user *user, struct claim *claim,
						  enum reservation kind)
{
	struct hc_slots *slots = &user->slots;

	slots_forget(slots, claim->now);
	claim->late = !slots_unreserve(slots, kind, claim->when);
	active_add(slots, 1);
	if (slots->active > user->peak)
		user->peak = slots->active;
	return ADMITTED;
}

/* What user_act() does once it has the user. */
enum act {
	RESERVE,    /* takes a slot of a kind of reservation */
	CHARGE,     /* takes such a reservation over, for a session that moves, */
	CHARGE_NEW, /* or for a new one */
};

/* With the set locked (that of number `home`), in which the user was found: does it, and
 * answers. */
static __always_inline enum verdict act_locked(const struct hc_user_set *set, __u32 home,
					       struct hc_user *user, struct claim *claim,
					       const struct hc_service *service, enum act act,
					       enum reservation kind)
{
	enum verdict verdict = act == RESERVE ? reserve_locked(user, claim, service, kind)
					      : charge_locked(user, claim, kind);

	user->opened += act == CHARGE_NEW;
	user->last_ns = claim->now;
	claim->active = user->slots.active;
	claim->cap = user->cap;
	claim->exempt = user->exempt;
	claim->position = users_found_at(set, home);
	return verdict;
}

/*
 * Finds or makes the user and reserves or charges under the lock; returns enum
 * verdict. The cap of a new user, or after a change of policy, is looked up
 * without the lock, and so the user found again.
 */
__noinline int user_act(struct claim *claim, const struct hc_user_key *key, enum act act,
			enum reservation kind)
{
	const struct hc_control *policy = policy_control();
	const struct hc_service *service;
	enum verdict verdict = UNTRACKED;
	__u32 generation, forgotten = 0;
	struct user_hash hash;
	struct hc_user_set *set;
	struct hc_user *user;
	__u64 limits;

	if (!policy || !claim || !key)
		return UNTRACKED;
	generation = policy_generation(policy);
	service = policy_service(generation, key->service);
	set = users_set_of(key, &hash);
	if (!set || !service)
		return UNTRACKED;
	claim->position = 0;
	bpf_spin_lock(&set->lock);
	user = users_find(set, key, hash.tag);
	if (user && user->generation == generation)
		verdict = act_locked(set, hash.set, user, claim, service, act, kind);
	bpf_spin_unlock(&set->lock);
	if (verdict != UNTRACKED)
		return verdict;

	limits = users_limits(key, generation);
	claim->cap = LIMITS_CAP(limits);
	claim->exempt = LIMITS_EXEMPT(limits);
	bpf_spin_lock(&set->lock);
	user = users_find(set, key, hash.tag);
	if (!user)
		user = users_make(set, key, hash.tag, claim->now, &forgotten);
	if (user) {
		user->cap = claim->cap;
		user->exempt = claim->exempt;
		user->generation = generation;
		verdict = act_locked(set, hash.set, user, claim, service, act, kind);
	}
	bpf_spin_unlock(&set->lock);
	if (forgotten)
		count_losses(HC_LOSS_REFUSALS_FORGOTTEN, forgotten);
	if (verdict == UNTRACKED)
		count_loss(HC_LOSS_USERS_FULL);
	return verdict;
}

/*
 * Gives a reservation back; with `keep`, which is a time, it is kept as that of a
 * handshake under way, made then. Returns 0.
 */
__noinline int user_settle(struct claim *claim, const struct hc_user_key *key,
			   enum reservation kind, __u64 keep)
{
	struct user_hash hash;
	struct hc_user_set *set = key ? users_set_of(key, &hash) : NULL;
	struct hc_user *user;

	if (!set || !claim)
		return 0;
	bpf_spin_lock(&set->lock);
	user = users_find(set, key, hash.tag);
	if (user) {
		slots_forget(&user->slots, claim->now);
		claim->late = !slots_unreserve(&user->slots, kind, claim->when);
		if (keep)
			slots_reserve(&user->slots, HELD, keep);
	}
	bpf_spin_unlock(&set->lock);
	return 0;
}

/* What the user holds, and its cap, if there still is a record of it. Returns 0. */
__noinline int user_look(struct claim *claim, const struct hc_user_key *key)
{
	struct user_hash hash;
	struct hc_user_set *set = key ? users_set_of(key, &hash) : NULL;
	struct hc_user *user;

	if (!set || !claim)
		return 0;
	bpf_spin_lock(&set->lock);
	user = users_find(set, key, hash.tag);
	if (user) {
		claim->active = user->slots.active;
		claim->cap = user->cap;
	}
	bpf_spin_unlock(&set->lock);
	return 0;
}

/* The total refused: the user's slot goes back (unless we only observe), and
 * the refusal is the user's. Not inline, nor user_unreserve(): the gates' stack is
 * full. */
static __noinline void user_refused_by_total(struct claim *claim, const struct hc_user_key *key,
					     const struct hc_service *service,
					     enum reservation kind)
{
	struct hc_user_set *set;
	struct hc_user *user = user_at(claim->position, &set);

	if (!user)
		return;
	bpf_spin_lock(&set->lock);
	if (user_same(&user->key, key)) {
		refusal_count(user, claim, service, true);
		if (!claim->over)
			slots_unreserve(&user->slots, kind, claim->now);
	}
	bpf_spin_unlock(&set->lock);
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
	enum verdict verdict = user_act(claim, key, RESERVE, kind);

	claim->total = false;
	if (verdict == UNTRACKED || (verdict == OVER_CAP && !claim->over))
		return verdict;
	if (!total_holds(service, key, claim->exempt))
		return verdict;
	if (total_reserve(claim, key->service, service, kind) == OVER_TOTAL &&
	    verdict == ADMITTED) {
		verdict = OVER_TOTAL;
		user_refused_by_total(claim, key, service, kind);
	}
	return verdict;
}

/* A request was queued: the slot outlives the packet now. */
static __always_inline void user_confirm(struct claim *claim, const struct hc_user_key *key)
{
	user_settle(claim, key, UNSURE, claim->now);
	if (claim->late) /* this CPU stalled, and another may have given the slot away */
		count_loss(HC_LOSS_LATE);
	if (claim->total)
		total_step(claim, key->service, UNSURE, TOTAL_HOLD, 0);
}

/* Gives back what user_reserve() took. */
static __noinline void user_unreserve(struct claim *claim, const struct hc_user_key *key,
				      enum reservation kind)
{
	user_settle(claim, key, kind, 0);
	if (claim->total)
		total_step(claim, key->service, kind, TOTAL_DROP, 0);
}

/* The session that was charged last, late, is refused after all: the user's counters say so. It
 * has its slot until it is closed. */
static __noinline void user_refuse_late(struct claim *claim, const struct hc_service *service)
{
	struct hc_user_set *set;
	struct hc_user *user = user_at(claim->position, &set);

	if (!user)
		return;
	bpf_spin_lock(&set->lock);
	user->opened--;
	refusal_count(user, claim, service, claim->excess == OVER_TOTAL);
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

	if (user_act(claim, key, act, kind) != ADMITTED)
		return 0;
	claim->excess = claim->late && claim->active > claim->cap ? OVER_CAP : ADMITTED;
	claim->total = total_holds(service, key, claim->exempt);
	if (claim->total &&
	    !total_step(claim, key->service, total_kind, TOTAL_CHARGE, service->total) &&
	    claim->excess == ADMITTED)
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
 * It takes no lock, which would be expensive: it only makes room. A user with a session is
 * not reclaimed, so that the record is its own until `active` has been lowered;
 * after that nothing of it is touched.
 */
static __always_inline __u32 user_release(__u64 charge, __u64 now, __u32 *cap)
{
	struct hc_user_set *set;
	struct hc_user *user = user_at(charge_position(charge), &set);
	struct hc_service_state *state;

	if (!user)
		return 0;
	user->last_ns = now;
	*cap = user->cap;
	state = charge & HC_CHARGE_TOTAL ? total_state(charge_service(charge)) : NULL;
	if (state)
		active_take(&state->slots);
	return active_take(&user->slots);
}

/* The same where nobody asks what is left; rare, and so not in the way of others. */
static __noinline void user_discharge(__u64 charge, __u64 now)
{
	__u32 cap;

	user_release(charge, now, &cap);
}

#endif
