/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The user table: finding, making and reclaiming a user's way in its set. Making and
 * reclaiming are done under the set's lock; taken.h is about those who do not hold it.
 */
#ifndef HEADCOUNT_USERS_H
#define HEADCOUNT_USERS_H

#include "maps.h"
#include "sets.h"
#include "slots.h"
#include "taken.h"

static __always_inline struct hc_user_set *users_set(__u32 set)
{
	return bpf_map_lookup_elem(&users, &set);
}

/* The set that a user's record is in, if there is one; NULL if headcount does not run. */
static __always_inline struct hc_user_set *users_set_of(const struct hc_user_key *key,
							struct user_hash *hash)
{
	const struct hc_control *policy = policy_control();

	if (!policy)
		return NULL;
	*hash = user_hash_of(key, policy->seed, policy->user_sets);
	return users_set(hash->set);
}

/* A record by its position: the ways of all sets, counted from 1; 0 is none. NULL if there is
 * none. Whoever wants its lock locks that of `*set`. */
static __always_inline struct hc_user *user_at(__u32 position, struct hc_user_set **set)
{
	*set = users_set((position - 1) / HC_WAYS);
	if (!position || !*set)
		return NULL;
	barrier_var(*set); /* clang would add to the pointer first, and then look at it */
	return &(*set)->way[(position - 1) % HC_WAYS];
}

/*
 * The way that the last search noted in `found`, or NULL. Reading the number
 * back from the map lets the verifier forget which iteration it came from:
 * without that it would walk the rest of the program once for every way.
 */
static __always_inline struct hc_user *users_found(struct hc_user_set *set)
{
	__u64 way = *(volatile __u32 *)&set->found;

	if (way >= HC_WAYS)
		return NULL;
	barrier_var(
		way); /* clang would add to the pointer first, and then look at the number */
	return &set->way[way];
}

/* Its position; `home` is the set's number. */
static __always_inline __u32 users_found_at(const struct hc_user_set *set, __u32 home)
{
	return hc_user_position(home, set->found & (HC_WAYS - 1));
}

/*
 * The user's position, without the lock; 0 if it is not found. `home` is the set's number. The
 * record may become another's at any time: see taken.h. The verifier would go on from here once
 * for every way, but for a number that it reads from memory.
 */
static __always_inline __u32 users_seek(const struct hc_user_set *set, __u32 home,
					const struct hc_user_key *key, __u32 tag)
{
	for (__u32 i = 0; i < HC_WAYS; i++)
		if (set->tag[i] == tag && user_same(&set->way[i].key, key))
			return hc_user_position(home, i);
	return 0;
}

/* With the set locked. */
static __always_inline struct hc_user *users_find(struct hc_user_set *set,
						  const struct hc_user_key *key, __u32 tag)
{
	*(volatile __u32 *)&set->found = HC_WAYS;
	for (__u32 i = 0; i < HC_WAYS; i++) {
		if (set->tag[i] == tag && user_same(&set->way[i].key, key)) {
			*(volatile __u32 *)&set->found = i;
			break;
		}
	}
	return users_found(set);
}

/* Eviction rank of a way; the lowest goes first, and ~0 never. The class is in
 * the three highest bits, within it the longest untouched goes first. */
enum worth {
	WORTH_GONE,      /* its last session is minutes ago; also a free way */
	WORTH_STRANGER,  /* never had a session: a flood's forged sources are such */
	WORTH_JUST_GONE, /* had one */
	WORTH_HANDSHAKE, /* a stranger whose reservation stands: to forget that is to
			  * risk its cap, so it comes late */
	WORTH_UNITS,     /* has units of the fleet's cap: without, it asks the store again */
};

static __always_inline __u64 users_worth(const struct hc_user *user, __u32 tag, __u64 now)
{
	bool idle = held_idle(user, held_tick(now));
	/* Clocks differ between programs by some milliseconds: the age is signed. */
	__s64 age = now - user->last_ns;
	__u64 class = WORTH_JUST_GONE;

	if (!tag)
		return 0;
	/* A reservation that is just being made, or taken over, may look like a session. */
	if (HC_USER_TAKEN(user_word(user)) != hc_user_held(user) || (user->opened && !idle))
		return ~0ull;
	if (user->units)
		class = WORTH_UNITS;
	else if (!idle)
		class = WORTH_HANDSHAKE;
	else if (age > (__s64)(HC_KEEP_SECONDS * 1000000000ull))
		class = WORTH_GONE;
	else if (!user->opened)
		class = WORTH_STRANGER;
	return class << 61 | (user->last_ns & ~0ull >> 3);
}

/* Makes a user in the lowest-ranked way of the set; NULL if all have sessions.
 * `*forgotten` is how many refusals of the way's last user were never told. */
static __always_inline struct hc_user *users_make(struct hc_user_set *set,
						  const struct hc_user_key *key, __u32 tag,
						  __u64 now, __u32 *forgotten)
{
	volatile __u64 *worth = &set->worth, *least = &set->least;
	struct hc_user *user;
	__u32 way;

	*least = ~0ull;
	*(volatile __u32 *)&set->found = HC_WAYS;
	for (__u32 i = 0; i < HC_WAYS; i++) {
		/* By way of memory, where the verifier forgets by which branches it came. */
		*worth = users_worth(&set->way[i], set->tag[i], now);
		if (*worth < *least) {
			*least = *worth;
			*(volatile __u32 *)&set->found = i;
		}
		if (!*least)
			break;
	}
	way = *(volatile __u32 *)&set->found;
	if (way >= HC_WAYS)
		return NULL;
	user = &set->way[way];
	if (!user_reclaim(user))
		return NULL;
	*forgotten = set->tag[way] ? user->refusals.suppressed : 0;
	set->tag[way] = tag;
	__builtin_memset(&user->key, 0, sizeof(*user) - sizeof(user->word));
	user->key = *key;
	user->tick = held_tick(now);
	user->last_ns = now;
	user_made(user);
	return user;
}

/* What users_limits() returns. */
#define LIMITS(cap, traits)   ((__u64)(traits) << 32 | (cap))
#define LIMITS_CAP(limits)    ((__u32)(limits))
#define LIMITS_TRAITS(limits) ((__u32)((limits) >> 32))

/* The traits of a user with this cap: of the fleet, if its service is, and there is one. */
static __always_inline __u32 users_traits(bool fleet, __u32 cap, __u32 traits)
{
	return fleet && cap != HC_UNLIMITED ? traits | HC_OF_FLEET : traits;
}

/*
 * The cap of the moment, or of the override with the longest prefix, or the service's, by
 * the policy `generation`; and the traits that the override gives.
 * Global: the verifier would go on in six ways from here.
 */
__noinline __u64 users_limits(const struct hc_user_key *key, __u32 generation)
{
	const struct hc_service *service;
	/* A copy, because 6.1 lets no map's key be what a global function was given;
	 * and one for both maps, because the stack is full. */
	union {
		struct hc_user_key user;
		struct hc_override_key override;
	} ask = {};
	const struct hc_override *override;
	const struct hc_cap *moment;
	__u32 cap = HC_UNLIMITED, traits = 0;
	bool fleet = false;

	_Static_assert(__builtin_offsetof(struct hc_user_key, id) ==
			       __builtin_offsetof(struct hc_override_key, id),
		       "the id stays where it is");
	/* Of another namespace: counted, never capped. */
	if (!key || key->elsewhere)
		return LIMITS(HC_UNLIMITED, 0);
	service = policy_service(generation, key->service);
	if (service && key->kind == HC_UNLABELLED) {
		cap = service->unlabelled;
	} else if (service) {
		cap = service->cap;
		fleet = service->fleet;
	}
	ask.user = *key;
	moment = bpf_map_lookup_elem(&caps, &ask.user);
	ask.override.prefixlen = HC_OVERRIDE_BITS + 128;
	ask.override.half = policy_half(generation);
	ask.override.service = key->service;
	override = bpf_map_lookup_elem(&overrides, &ask.override);
	if (override) {
		cap = override->cap;
		traits = override->traits;
	}
	if (moment)
		cap = moment->cap;
	return LIMITS(cap, users_traits(fleet, cap, traits));
}

#endif
