/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Attempts for which the host has no unit of the fleet's cap: the daemon is asked, by the ring
 * `asks`. The answer are units in the user's record, or that the store is short of them; then
 * the attempt is over the cap like any other. Until then
 *
 *   wait   its SYN vanishes, as with excess = wait, and comes again; the label is to be tried
 *          again. Neither counted nor told as a refusal, unless wait_max makes it one
 *   admit  it is let in, unless the store is not known to answer: then as with wait. If it
 *          has no unit yet when its handshake ends, the session is told in the ring, to be
 *          closed if there is none to come
 */
#ifndef HEADCOUNT_COLD_BPF_H
#define HEADCOUNT_COLD_BPF_H

#include "act.h"

static __always_inline bool user_is_short(const struct hc_user_key *key, __u64 now)
{
	const __u64 *until = bpf_map_lookup_elem(&short_of, key);

	return until && now < *until;
}

/* Does the store answer about now? Else who is let in without a unit would stay for as long. A
 * daemon that has died, or is stopped, says nothing of it any more. */
static __noinline bool store_answers(const struct claim *claim)
{
	const struct hc_fleet *words = fleet_words();
	struct hc_user_set *set;
	const struct hc_user *user = user_at(claim->position, &set);
	__u32 shard = user ? *(const volatile __u8 *)&user->shard : 0;
	__u64 now = bpf_ktime_get_boot_ns();
	__u32 answering = 0;

	if (!words)
		return false;
	/* If its shard is not known yet, all have to. */
	if (shard)
		return is_to_come(&words->answers[(shard - 1) % HC_SHARDS_MAX], now);
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < HC_SHARDS_MAX; i++)
		answering += is_to_come(&words->answers[i], now);
	return answering && answering >= *(const volatile __u32 *)&words->shards;
}

/* Is the attempt to be tried once more, and how? That is in claim->cold. `enters`: it is let in
 * until there is an answer. */
static __noinline bool cold_again(struct claim *claim, const struct hc_user_key *key,
				  bool enters)
{
	if (user_is_short(key, claim->now))
		claim->cold = COLD_SHORT;
	else if (enters)
		claim->cold = COLD_ENTERS;
	return claim->cold != COLD_ASKS;
}

/* Without `label`: the user has none. With an `id`: of a session that is there. False: it is
 * lost, and comes again with the next SYN; nobody hears of a session that is let in by it. */
static __noinline bool ask_emit(const struct claim *claim, const struct hc_user_key *key,
				const struct hc_label *label, const struct hc_ends *ends,
				__u64 id)
{
	struct hc_ask *ask = bpf_ringbuf_reserve(&asks, sizeof(*ask), 0);
	struct hc_user_set *set;
	const struct hc_user *user;

	if (!ask) {
		count_loss(HC_LOSS_ASKS_FULL);
		return false;
	}
	__builtin_memset(ask, 0, sizeof(*ask));
	ask->user = *key;
	if (label)
		ask->label = *label;
	if (ends)
		ask->ends = *ends;
	ask->id = id;
	ask->time_ns = claim->now;
	user = user_at(claim->position, &set);
	ask->cap = claim->cap;
	ask->need = (user ? HC_USER_TAKEN(user_word(user)) : 0) + !id;
	ask->again = claim->again;
	bpf_ringbuf_submit(ask, 0);
	return true;
}

/* A session begins, in a service that admits without a unit: does it still have none? Then it
 * is asked for, or the session is over the cap: claim->excess. */
static __noinline void cold_accepted(struct claim *claim, __u64 id,
				     const struct hc_session *session)
{
	struct hc_user_set *set;
	const struct hc_user *user = user_at(claim->position, &set);

	/* Not by its reservations: they are looked at when their own handshakes end. */
	if (!user || !(user->traits & HC_OF_FLEET) || claim->active <= user->units)
		return;
	units_look(claim);
	if (!units_are_live(user, claim))
		return;
	if (user_is_short(&session->user, claim->now)) {
		claim->excess = OVER_CAP;
		return;
	}
	claim->cold = COLD_ENTERS;
	if (!ask_emit(claim, &session->user, NULL, &session->ends, id))
		claim->excess = OVER_CAP;
}

#endif
