/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The labels of users. A user's key has a hash of its label; the label itself is kept by the
 * position of the user's record, in an array that is made with the first service by label.
 *
 * It is written under the lock of the user's set, and only if the record is that user's then:
 * so whatever is written last is the label of the user that has the record, in any
 * interleaving. Who has given a session its label holds a slot, so that the record stays that
 * user's: each user with a session has its label here. A record that another user takes over
 * has the old one's label for a moment, or for good if that has none: readers ask the hash.
 */
#ifndef HEADCOUNT_NAMES_H
#define HEADCOUNT_NAMES_H

#include "act.h"
#include "siphash.h"

/* The label kept for the user at this position; NULL if no service is by label. */
static __always_inline struct hc_label *name_at(__u32 position)
{
	__u32 zero = 0, index = position - 1;
	void *kept = bpf_map_lookup_elem(&names, &zero);

	return kept ? bpf_map_lookup_elem(kept, &index) : NULL;
}

static __always_inline bool label_same(const struct hc_label *a, const struct hc_label *b)
{
	__u64 differ = 0;

#pragma unroll
	for (int i = 0; i < HC_LABEL_MAX / 8; i++)
		differ |= a->word[i] ^ b->word[i];
	return !differ;
}

/* The user at this position has this label, if it is still that user. The caller has a slot of
 * it: what is there already stays. */
static __noinline void name_note(__u32 position, const struct hc_user_key *key,
				 const struct hc_label *label)
{
	struct hc_user_set *set;
	struct hc_user *user = user_at(position, &set);
	struct hc_label *kept = name_at(position);

	if (!user || !kept || label_same(kept, label))
		return;
	bpf_spin_lock(&set->lock);
	if (user_same(&user->key, key))
		*kept = *label;
	bpf_spin_unlock(&set->lock);
}

/*
 * The cap of a label's user, and its traits, by the policy of now:
 * into the claim, for user_act(). In the order of users_limits(), which does not know labels.
 */
static __noinline void label_limits(struct claim *claim, const struct hc_user_key *user,
				    const struct hc_label *label)
{
	const struct hc_control *policy = policy_control();
	struct hc_label_override_key ask = {
		.prefixlen = HC_OVERRIDE_BITS + 8 * HC_LABEL_MAX,
		.service = user->service,
		.label = *label,
	};
	const struct hc_override *override;
	const struct hc_service *service;
	const struct hc_cap *moment;

	if (!policy)
		return;
	claim->generation = policy_generation(policy);
	ask.half = policy_half(claim->generation);
	override = bpf_map_lookup_elem(&label_overrides, &ask);
	moment = bpf_map_lookup_elem(&caps, user);
	service = policy_service(claim->generation, user->service);
	claim->cap = moment     ? moment->cap
		     : override ? override->cap
		     : service  ? service->cap
				: HC_UNLIMITED;
	claim->traits = users_traits(service && service->fleet, claim->cap,
				     override ? override->traits : 0);
}

/* The same for a user whose record is at this position. */
static __noinline void name_limits(struct claim *claim, const struct hc_user_key *user,
				   __u32 position)
{
	const struct hc_label *label = name_at(position);

	if (label)
		label_limits(claim, user, label);
}

#endif
