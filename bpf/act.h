/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is done with the slots of one user: user_try() without a lock, and user_act() with that
 * of the set where more is to be decided.
 *
 * Functions that search the user table are global (not static) so that the
 * verifier checks each of them once, not once for every path that leads there.
 */
#ifndef HEADCOUNT_ACT_H
#define HEADCOUNT_ACT_H

#include "total.h"
#include "units.h"

/* What is done with a user's slots. */
enum act {
	RESERVE,    /* takes a slot, as a reservation, */
	TAKE,       /* or for a session that is there: whoever refuses the cap, these two are */
	CHARGE,     /* for a session that moves, */
	CHARGE_NEW, /* or for a new one: takes a reservation over, if it has one, or a slot */
};

/* The answer; of a session, that it is counted as well. Who gets a reservation does not ask
 * how many sessions there are. */
static __always_inline void user_answer(struct hc_user *user, struct claim *claim, enum act act,
					bool refused)
{
	claim->cap = user->cap;
	claim->traits = user->traits;
	if (act != RESERVE || refused)
		claim->active = hc_user_active(user);
	if (act != RESERVE)
		peak_raise(user, claim->active);
	if (act == CHARGE_NEW || act == TAKE)
		__sync_fetch_and_add(&user->opened, 1);
	user->last_ns = claim->now;
}

/* At the cap, and some of it are reservations, of packets in hand perhaps: has nobody looked
 * for those in this moment? */
static __always_inline bool user_look_due(struct hc_user *user, __u64 word, __u64 now)
{
	__u16 moment = now >> HC_UNSURE_SHIFT;

	if (HC_USER_TAKEN(word) < user_most(user) || user->looked == moment ||
	    !hc_user_held(user))
		return false;
	user->looked = moment;
	return true;
}

/* The user's record, and its position in the claim: where it was found last, or by a search.
 * The verifier would go on from here once for every way, but for a number that it reads from
 * memory. */
static __always_inline struct hc_user *user_known(struct claim *claim,
						  const struct hc_user_key *key)
{
	struct user_hash hash;
	struct hc_user_set *set;
	struct hc_user *user = user_at(claim->position, &set);

	if (user && user_same(&user->key, key))
		return user;
	set = users_set_of(key, &hash);
	if (!set)
		return NULL;
	*(volatile __u32 *)&claim->position = users_seek(set, hash.set, key, hash.tag);
	return user_at(*(volatile __u32 *)&claim->position, &set);
}

/*
 * Reserves or charges without the lock, where that needs no more than a look: for a user that
 * is known, below its cap and units, in the policy and the tick of now. Returns enum verdict:
 * ADMITTED or UNDECIDED.
 */
__noinline int user_try(struct claim *claim, const struct hc_user_key *key, enum act act,
			enum reservation kind)
{
	const struct hc_control *policy = policy_control();
	struct hc_user *user;
	__u64 word;
	__u32 now;

	if (!policy || !key || !claim)
		return UNDECIDED;
	now = held_tick(claim->now);
	user = user_known(claim, key);
	if (!user)
		return UNDECIDED;
	word = user_word(user);
	if (act == RESERVE)
		claim->look = user_look_due(user, word, claim->now);
	/* The cap is read after its generation, and written before it. */
	if (word & HC_USER_MAKING ||
	    *(volatile __u32 *)&user->generation != policy_generation(policy))
		return UNDECIDED;
	if (act <= TAKE && user->traits & HC_OF_FLEET && !units_live(user))
		return UNDECIDED;
	if (act <= TAKE ? !user_try_reserve(user, key, word, now, act == RESERVE)
			: !user_try_charge(user, key, word, now, held_tick(claim->when),
					   kind != NOTHING))
		return UNDECIDED;
	user_answer(user, claim, act, false);
	return ADMITTED;
}

/* With the set locked: take a slot, or count a refusal. Others take some as well, but none once
 * the cap is reached. */
static __always_inline enum verdict reserve_locked(struct hc_user *user, struct claim *claim,
						   const struct hc_service *service,
						   enum act act)
{
	enum verdict verdict = ADMITTED;

	if (!user_take_below(user, user_limit(user, claim, service))) {
		if (user_is_cold(user, claim))
			return COLD;
		refusal_count(user, claim, service, false);
		verdict = OVER_CAP;
		if (!claim->over)
			return verdict;
		user_take(user);
	}
	if (act == RESERVE)
		held_add(user, held_tick(claim->now));
	return verdict;
}

/* With the set locked: a session is charged, taking over a reservation. Late, it is over the
 * cap if that leaves no slot: what stands in the word besides sessions will be some. Of the
 * fleet, and below its cap, it is not, but a unit is asked for (cold_accepted). */
static __always_inline enum verdict charge_locked(struct hc_user *user, struct claim *claim,
						  const struct hc_service *service,
						  enum reservation kind)
{
	claim->late = kind != NOTHING && !held_drop_any(user, held_tick(claim->when));
	if (claim->late && user_take_below(user, user_limit(user, claim, service)))
		return ADMITTED;
	if (claim->late && !user_is_cold(user, claim))
		claim->excess = OVER_CAP;
	if (claim->late || kind == NOTHING)
		user_take(user);
	return ADMITTED;
}

/* With the set locked (that of number `home`), in which the user was found: does it, and
 * answers. */
static __always_inline enum verdict act_locked(const struct hc_user_set *set, __u32 home,
					       struct hc_user *user, struct claim *claim,
					       const struct hc_service *service, enum act act,
					       enum reservation kind)
{
	enum verdict verdict;

	user_expire(user, held_tick(claim->now));
	verdict = act <= TAKE ? reserve_locked(user, claim, service, act)
			      : charge_locked(user, claim, service, kind);
	user_answer(user, claim, verdict == ADMITTED || claim->over ? act : RESERVE,
		    verdict != ADMITTED);
	claim->position = users_found_at(set, home);
	return verdict;
}

/* With the set locked: the cap by the policy `generation`, unless it is a newer one's.
 * user_try() believes the number, which the exchange keeps behind the cap, on arm64 too. */
static __always_inline void user_resolve(struct hc_user *user, const struct claim *claim,
					 __u32 generation)
{
	if ((__s32)(user->generation - generation) >= 0)
		return;
	user->cap = claim->cap;
	user->traits = claim->traits;
	__sync_lock_test_and_set(&user->generation, generation);
}

/*
 * Of user_act(), one round; UNDECIDED if there was no room. The cap of a new user, or
 * after a change of policy, is looked up without the lock, and so the user found again.
 */
__noinline int user_act_once(struct claim *claim, const struct hc_user_key *key, enum act act,
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
	generation = claim->generation ?: policy_generation(policy);
	service = policy_service(generation, key->service);
	set = users_set_of(key, &hash);
	if (!set || !service)
		return UNTRACKED;
	claim->position = 0;
	if (service->fleet)
		units_look(claim);
	bpf_spin_lock(&set->lock);
	user = users_find(set, key, hash.tag);
	if (user && user->generation == generation)
		verdict = act_locked(set, hash.set, user, claim, service, act, kind);
	bpf_spin_unlock(&set->lock);
	if (verdict != UNTRACKED)
		return verdict;

	if (!claim->generation) {
		limits = users_limits(key, generation);
		claim->cap = LIMITS_CAP(limits);
		claim->traits = LIMITS_TRAITS(limits);
	}
	bpf_spin_lock(&set->lock);
	user = users_find(set, key, hash.tag);
	if (!user)
		user = users_make(set, key, hash.tag, claim->now, &forgotten);
	if (user) {
		user_resolve(user, claim, generation);
		verdict = act_locked(set, hash.set, user, claim, service, act, kind);
	}
	bpf_spin_unlock(&set->lock);
	if (forgotten)
		count_losses(HC_LOSS_REFUSALS_FORGOTTEN, forgotten);
	return verdict == UNTRACKED ? UNDECIDED : verdict;
}

/*
 * Finds or makes the user and reserves or charges under the lock; returns enum verdict.
 * Twice: the way that was to be reclaimed may have begun a session just then. Two calls, as
 * the verifier goes through each turn of a loop, but once through a global function.
 */
static __always_inline int user_act(struct claim *claim, const struct hc_user_key *key,
				    enum act act, enum reservation kind)
{
	int verdict = user_act_once(claim, key, act, kind);

	if (verdict == UNDECIDED)
		verdict = user_act_once(claim, key, act, kind);
	if (verdict != UNDECIDED)
		return verdict;
	count_loss(HC_LOSS_USERS_FULL);
	return UNTRACKED;
}

/* Gives a reservation back, if it has not been forgotten. Returns 0. */
__noinline int user_drop(const struct claim *claim, const struct hc_user_key *key)
{
	struct user_hash hash;
	struct hc_user_set *set = key ? users_set_of(key, &hash) : NULL;
	struct hc_user *user;

	if (!set || !claim)
		return 0;
	bpf_spin_lock(&set->lock);
	user = users_find(set, key, hash.tag);
	if (user && held_drop_locked(user, held_tick(claim->when), held_tick(claim->now)))
		user_give(user);
	bpf_spin_unlock(&set->lock);
	return 0;
}

/* A reservation as that of a handshake that was made at `when`: instead of that of claim->when,
 * or with `gone` of one that was given back, if the cap leaves a slot: without units that are
 * live there is none. Returns 0. */
__noinline int user_renew(struct claim *claim, const struct hc_user_key *key, __u64 when,
			  bool gone)
{
	struct user_hash hash;
	struct hc_user_set *set = key ? users_set_of(key, &hash) : NULL;
	struct hc_user *user;
	__u32 now;

	if (!set || !claim)
		return 0;
	units_look(claim);
	now = held_tick(claim->now);
	bpf_spin_lock(&set->lock);
	user = users_find(set, key, hash.tag);
	if (user) {
		user_expire(user, now);
		user_renewed(user, held_tick(claim->when), held_tick(when), now,
			     user->traits & HC_OF_FLEET && !units_are_live(user, claim)
				     ? 0
				     : user_most(user),
			     gone);
	}
	bpf_spin_unlock(&set->lock);
	return 0;
}

/* What the user holds, and its cap, if there still is a record of it. Returns 0. */
__noinline int user_look(struct claim *claim, const struct hc_user_key *key)
{
	struct user_hash hash;
	struct hc_user_set *set = key ? users_set_of(key, &hash) : NULL;
	const struct hc_user *user;

	if (!set || !claim)
		return 0;
	user = user_at(users_seek(set, hash.set, key, hash.tag), &set);
	if (user) {
		claim->active = hc_user_active(user);
		claim->cap = user->cap;
	}
	return 0;
}

/* Gives back what was reserved. */
static __noinline void user_unreserve(const struct claim *claim, const struct hc_user_key *key,
				      enum reservation kind)
{
	user_drop(claim, key);
	if (claim->total)
		total_step(claim, key->service, kind, TOTAL_DROP, 0);
}

#endif
