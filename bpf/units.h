/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Units: how many slots of the fleet's cap a user may take on this host (include/fleet.h). They
 * are in the user's record, and hold while the lease of their shard is live: one word that is
 * compared with the clock, so that a daemon that has died prolongs nothing. After that the
 * host is alone, and the service says what a user may have.
 */
#ifndef HEADCOUNT_UNITS_BPF_H
#define HEADCOUNT_UNITS_BPF_H

#include "claim.h"
#include "fleet.h"

/* Leases, and how many hosts there are. User space alone writes it. */
MAP(fleet, BPF_MAP_TYPE_ARRAY, __u32, struct hc_fleet, 1, BPF_F_MMAPABLE);

/* Users for whom the store has no unit, and until when (CLOCK_MONOTONIC, ns). The daemon alone
 * writes it. Pushed out: it is asked again. */
MAP(short_of, BPF_MAP_TYPE_LRU_HASH, struct hc_user_key, __u64, 8192, 0);

/* struct hc_ask. Full: counted (HC_LOSS_ASKS_FULL). */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 17);
} asks SEC(".maps");

static __always_inline const struct hc_fleet *fleet_words(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&fleet, &zero);
}

/* 1 or 0, by arithmetic: of branches 6.1 would follow each for each shard. */
static __always_inline __u32 is_to_come(const __u64 *time, __u64 now)
{
	return (now - *(const volatile __u64 *)time) >> 63;
}

static __always_inline __u32 lease_is_live(const struct hc_fleet *words, __u32 shard, __u64 now)
{
	return is_to_come(&words->deadline[shard], now);
}

/* Without the lock: is the lease of the user's units live? False as well if it has none yet. */
static __always_inline bool units_live(const struct hc_user *user)
{
	const struct hc_fleet *words = fleet_words();
	__u32 shard = *(const volatile __u8 *)&user->shard - 1u;

	return words && shard < HC_SHARDS_MAX &&
	       lease_is_live(words, shard, bpf_ktime_get_boot_ns());
}

/* Before the set is locked, under which no clock can be read: what holds for the fleet's users.
 */
static __noinline void units_look(struct claim *claim)
{
	const struct hc_fleet *words = fleet_words();
	__u64 now = bpf_ktime_get_boot_ns();
	__u32 live = 0;

	if (!words)
		return;
#pragma clang loop unroll(disable) /* which would take a large frame */
	for (__u32 i = 0; i < HC_SHARDS_MAX; i++)
		live |= lease_is_live(words, i, now) << i;
	claim->live = live;
	claim->members = words->members;
}

/* Where it is not known yet who keeps the user's units, any lease will do to ask. */
static __always_inline bool units_are_live(const struct hc_user *user,
					   const struct claim *claim)
{
	return user->shard ? claim->live >> (user->shard - 1) % HC_SHARDS_MAX & 1
			   : !!claim->live;
}

/* With the set locked, and after units_look(): the most slots that the user may take. */
static __always_inline __u32 user_limit(const struct hc_user *user, const struct claim *claim,
					const struct hc_service *service)
{
	if (!(user->traits & HC_OF_FLEET))
		return user->cap;
	if (!units_are_live(user, claim))
		return hc_fleet_alone(user->cap, claim->members, service);
	return claim->cold == COLD_ENTERS ? user->cap : user_most(user);
}

/* With the set locked: the user is at its limit. Is that for want of a unit? */
static __always_inline bool user_is_cold(const struct hc_user *user, const struct claim *claim)
{
	return user->traits & HC_OF_FLEET && claim->cold == COLD_ASKS &&
	       units_are_live(user, claim) && HC_USER_TAKEN(user_word(user)) < user->cap;
}

/* The user's record, with the set locked: found, or made where there are units to be written.
 */
static __always_inline struct hc_user *units_user(struct hc_user_set *set,
						  const struct hc_user_key *key, __u32 tag,
						  const struct hc_units *order, __u64 now,
						  __u32 *forgotten)
{
	struct hc_user *user = users_find(set, key, tag);

	return user || order->looks || !order->units
		       ? user
		       : users_make(set, key, tag, now, forgotten);
}

/* A record that is made here has no cap yet: it is resolved as the first slot is taken. */
static __always_inline void units_set(struct hc_units *order)
{
	const struct hc_user_key key = order->user;
	struct user_hash hash;
	struct hc_user_set *set = users_set_of(&key, &hash);
	__u64 now = bpf_ktime_get_ns();
	struct hc_user *user = NULL;
	__u32 taken = 0, forgotten = 0;

	if (!set)
		return;
	/* Twice: the way that was to be reclaimed may have begun a session just then. */
	for (int try = 0; try < 2 && !user; try++) {
		bpf_spin_lock(&set->lock);
		user = units_user(set, &key, hash.tag, order, now, &forgotten);
		if (user) {
			user_expire(user, held_tick(now));
			if (!order->looks)
				user->shard = order->shard + 1;
			taken = user_set_units(user, order->looks ? user->units : order->units);
		}
		bpf_spin_unlock(&set->lock);
	}
	if (forgotten)
		count_losses(HC_LOSS_REFUSALS_FORGOTTEN, forgotten);
	order->taken = taken;
	order->missing = !user;
}

#endif
