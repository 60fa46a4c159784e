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

#include "emit.h"
#include "users.h"

enum verdict {
	/* Apart from 0 and 1, which programs return: the compiler would hand a
	 * function's unbounded result on as such, and the verifier refuse it. */
	ADMITTED = 16,
	UNTRACKED, /* admitted, no slot taken; the loss is counted */
	OVER_CAP,
	OVER_TOTAL,
};

/* One question to the user table and its answer. */
struct claim {
	__u64 now;
	__u64 when; /* when the reservation was made; as `now`: the newest handshake's until now
		     */
	/* answers */
	__u32 slot; /* place in the user table + 1 */
	__u32 active;
	__u32 cap;
	__u32 suppressed;
	__u8 report; /* a refusal that is to be reported */
	__u8 over;   /* observe: admitted over the cap */
	__u8 late;   /* the reservation had expired */
	__u8 total;  /* a slot of the service's total is taken too */
	__u8 excess; /* enum verdict: late, and what it was charged to is over now */
	__u8 exempt; /* the user takes none */
};

HC_STATIC_ASSERT(HC_SERVICES_MAX <= 1 << 8); /* the bits of a service in a charge */

/* Packs a charge: the slot, the service, whether its total is charged too, and
 * the low bits of the cookie so that a recycled record is never mistaken for
 * its past. */
#define CHARGE_TOTAL           (1ull << 63)
#define CHARGE_SLOT(charge)    ((__u32)((charge) >> 32) & 0x7fffffffu)
#define CHARGE_SERVICE(charge) ((__u32)(charge) >> 24)
#define CHARGE_COOKIE          0xffffffull

static __always_inline __u64 charge_pack(const struct claim *claim, __u32 service, __u64 id)
{
	__u64 charge =
		(__u64)claim->slot << 32 | (__u64)(service & 0xff) << 24 | (id & CHARGE_COOKIE);

	return claim->total ? charge | CHARGE_TOTAL : charge;
}

static __always_inline bool charge_is_of(__u64 charge, __u64 id)
{
	return !((charge ^ id) & CHARGE_COOKIE);
}

static __always_inline void refusal_count(struct hc_user *user, struct claim *claim,
					  const struct hc_service *service, bool total)
{
	struct hc_refusals *refusals = &user->refusals;
	__u32 window = claim->now >> HC_WINDOW_SHIFT;
	bool observe = service->excess == HC_OBSERVE;

	user->refused++;
	claim->over = observe;
	if (service->mute & HC_MUTE_REFUSED)
		return; /* and spends nothing of what may be reported in a window */
	refusals->flags = (observe ? HC_F_OBSERVED : 0) | (total ? HC_F_TOTAL : 0);
	if (refusals->window != window) {
		refusals->window = window;
		refusals->sent = 0;
	}
	if (refusals->sent >= HC_REFUSALS_PER_WINDOW) {
		refusals->suppressed++;
		refusals->active = user->slots.active;
		refusals->cap = user->cap;
		return;
	}
	refusals->sent++;
	claim->suppressed = refusals->suppressed;
	claim->report = true;
	refusals->suppressed = 0;
}

/* A report that did not get into the ring counts as suppressed again, with those that it stood
 * for; if others were since then, they are later ones. */
static __always_inline void refusal_uncount(const struct claim *claim)
{
	struct hc_user_set *set = users_set((claim->slot - 1) / HC_WAYS);
	struct hc_refusals *refusals;

	if (!claim->slot || !set)
		return;
	refusals = &set->way[(claim->slot - 1) % HC_WAYS].refusals;
	bpf_spin_lock(&set->lock);
	if (!refusals->suppressed) {
		refusals->active = claim->active;
		refusals->cap = claim->cap;
	}
	refusals->suppressed += claim->suppressed + 1;
	bpf_spin_unlock(&set->lock);
}

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
	ACT_RESERVE = 0, /* + enum reservation: take a slot of that kind */
	ACT_CHARGE = 4,  /* + enum reservation: take that over */
	ACT_OPENED = 8,  /* with ACT_CHARGE: a new session, not one that moves */
};

/*
 * Finds or makes the user and reserves or charges under the lock; returns enum
 * verdict. The cap is resolved outside the lock, for a new user or after a
 * change of policy, in a second round.
 */
__noinline int user_act(struct claim *claim, const struct hc_user_key *key, __u32 act)
{
	const struct hc_control *policy = policy_control();
	enum reservation kind = act & 3;
	const struct hc_service *service;
	enum verdict verdict = UNTRACKED;
	struct hc_user_set *set;
	struct place place;
	__u32 generation, forgotten = 0;

	if (!policy || !claim || !key)
		return UNTRACKED;
	generation = policy_generation(policy);
	service = policy_service(generation, key->service);
	place_of(&place, key, policy);
	set = users_set(place.set);
	if (!set || !service)
		return UNTRACKED;
	claim->slot = 0;
	for (int round = 0; round < 2; round++) {
		struct hc_user *user;

		if (round) {
			__u64 limits = users_limits(key, generation);

			claim->cap = LIMITS_CAP(limits);
			claim->exempt = LIMITS_EXEMPT(limits);
		}
		bpf_spin_lock(&set->lock);
		user = users_find(set, key, place.tag);
		if (round && !user)
			user = users_make(set, key, place.tag, claim->now, &forgotten);
		if (round && user) {
			user->cap = claim->cap;
			user->exempt = claim->exempt;
			user->generation = generation;
		}
		if (user && user->generation == generation) {
			verdict = act & ACT_CHARGE ? charge_locked(user, claim, kind)
						   : reserve_locked(user, claim, service, kind);
			user->opened += !!(act & ACT_OPENED);
			user->last_ns = claim->now;
			claim->active = user->slots.active;
			claim->cap = user->cap;
			claim->exempt = user->exempt;
			claim->slot = place.set * HC_WAYS + (set->found & (HC_WAYS - 1)) + 1;
		}
		bpf_spin_unlock(&set->lock);
		if (forgotten)
			count_losses(HC_LOSS_REFUSALS_FORGOTTEN, forgotten);
		if (verdict != UNTRACKED)
			return verdict;
	}
	count_loss(HC_LOSS_USERS_FULL);
	return UNTRACKED;
}

/*
 * Gives a reservation back; with `keep`, which is a time, it is kept as that of a
 * handshake under way, made then. Returns 0.
 */
__noinline int user_settle(struct claim *claim, const struct hc_user_key *key, __u32 kind,
			   __u64 keep)
{
	const struct hc_control *policy = policy_control();
	struct hc_user_set *set;
	struct hc_user *user;
	struct place place;

	if (!policy || !claim || !key)
		return 0;
	place_of(&place, key, policy);
	set = users_set(place.set);
	if (!set)
		return 0;
	bpf_spin_lock(&set->lock);
	user = users_find(set, key, place.tag);
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
	const struct hc_control *policy = policy_control();
	struct hc_user_set *set;
	struct hc_user *user;
	struct place place;

	if (!policy || !claim || !key)
		return 0;
	place_of(&place, key, policy);
	set = users_set(place.set);
	if (!set)
		return 0;
	bpf_spin_lock(&set->lock);
	if (users_find(set, key, place.tag)) {
		/* clang would add to the pointer first, and then look at the number */
		user = &set->way[set->found & (HC_WAYS - 1)];
		claim->active = user->slots.active;
		claim->cap = user->cap;
	}
	bpf_spin_unlock(&set->lock);
	return 0;
}

static __always_inline struct hc_service_state *total_state(__u32 id)
{
	id &= HC_SERVICES_MAX - 1;
	return bpf_map_lookup_elem(&service_states, &id);
}

/* Do sessions of this user take slots of the service's total? */
static __always_inline bool total_holds(const struct hc_service *service,
					const struct hc_user_key *key, bool exempt)
{
	return service->total != HC_UNLIMITED && !key->elsewhere && !exempt;
}

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
		state->refused++;
		verdict = OVER_TOTAL;
	}
	claim->total = verdict == ADMITTED || service->excess == HC_OBSERVE;
	if (claim->total)
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
static __always_inline bool total_step(struct claim *claim, __u32 id, enum reservation kind,
				       enum total_step step, __u32 most)
{
	struct hc_service_state *state = total_state(id);
	bool within = true;

	if (!state)
		return true;
	bpf_spin_lock(&state->lock);
	total_forget(&state->slots, claim->now);
	within = total_give(&state->slots, kind, claim->when);
	if (!within && kind == HELD && claim->when == claim->now) /* not known: the newest */
		within = total_give(&state->slots, kind, 0);
	if (step == TOTAL_HOLD)
		total_take(&state->slots, HELD, claim->now);
	else if (step == TOTAL_CHARGE)
		active_add(&state->slots, 1);
	within |= state->slots.active <= most;
	bpf_spin_unlock(&state->lock);
	return within;
}

/* The total refused: the user's slot goes back (unless we only observe), and
 * the refusal is the user's. Not inline, nor user_unreserve(): the gates' stack is
 * full. */
static __noinline void user_refused_by_total(struct claim *claim, const struct hc_user_key *key,
					     const struct hc_service *service,
					     enum reservation kind)
{
	struct hc_user_set *set = users_set((claim->slot - 1) / HC_WAYS);
	struct hc_user *user;

	if (!claim->slot || !set)
		return;
	user = &set->way[(claim->slot - 1) % HC_WAYS];
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
	enum verdict verdict = user_act(claim, key, ACT_RESERVE | kind);

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
	struct hc_user_set *set = users_set((claim->slot - 1) / HC_WAYS);
	struct hc_user *user;

	if (!claim->slot || !set)
		return;
	user = &set->way[(claim->slot - 1) % HC_WAYS];
	bpf_spin_lock(&set->lock);
	user->opened--;
	refusal_count(user, claim, service, claim->excess == OVER_TOTAL);
	bpf_spin_unlock(&set->lock);
}

/*
 * Charges a session, whatever the cap says: admission was before. Returns the
 * charge, or 0 if the user cannot be tracked. `kind` and claim->total say which
 * reservation it takes over; `act` is ACT_OPENED, or 0 when a reload moves it.
 */
static __always_inline __u64 user_charge(struct claim *claim, const struct hc_user_key *key,
					 const struct hc_service *service,
					 enum reservation kind, __u64 id, enum act act)
{
	enum reservation total_kind = claim->total ? kind : NOTHING;

	if (user_act(claim, key, ACT_CHARGE | act | kind) != ADMITTED)
		return 0;
	claim->excess = claim->late && claim->active > claim->cap ? OVER_CAP : ADMITTED;
	claim->total = total_holds(service, key, claim->exempt);
	if (claim->total &&
	    !total_step(claim, key->service, total_kind, TOTAL_CHARGE, service->total) &&
	    claim->excess == ADMITTED)
		claim->excess = OVER_TOTAL;
	if (claim->late)
		count_loss(HC_LOSS_LATE);
	return charge_pack(claim, key->service, id);
}

/*
 * Releases a charge that its taker has exchanged out of the record. Returns the
 * sessions that the user still holds, and its cap in `*cap`.
 *
 * Without the lock, which is dear: it only makes room. A user with a session is
 * not reclaimed, so that the place is its own until `active` has been lowered;
 * after that nothing of it is touched.
 */
static __always_inline __u32 user_release(__u64 charge, __u64 now, __u32 *cap)
{
	__u32 slot = CHARGE_SLOT(charge);
	struct hc_user_set *set = users_set((slot - 1) / HC_WAYS);
	struct hc_service_state *state;
	struct hc_user *user;

	if (!slot || !set)
		return 0;
	user = &set->way[(slot - 1) % HC_WAYS];
	user->last_ns = now;
	*cap = user->cap;
	state = charge & CHARGE_TOTAL ? total_state(CHARGE_SERVICE(charge)) : NULL;
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
