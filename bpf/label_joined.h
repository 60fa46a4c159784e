/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A subflow that joins an MPTCP connection is a session of its own, which setsockopt() does not
 * reach: where the connection's first subflow has a label, it gets the same, as it begins. Over
 * the label's cap it stays with its client, unlike a session whose server is told of that: to
 * reset it would take a path from a connection that is within the cap.
 */
#ifndef HEADCOUNT_LABEL_JOINED_H
#define HEADCOUNT_LABEL_JOINED_H

#include "label.h"

/* The label of the connection's first subflow; false: it has none, or is not known. We do not
 * hold its lock. What is kept of a user is its label for as long as somebody's charge is of it,
 * so of the charge that stands before and after. */
static __always_inline bool label_of_first(const struct mptcp_sock *joined,
					   struct hc_label *label)
{
	const struct sock *sk = joined->first;
	__u64 id = sk ? sk->__sk_common.skc_cookie.counter : 0, charge;
	const struct hc_session *first = session_of_seen(id, id);
	const struct hc_user *holder;
	const struct hc_label *kept;
	struct hc_user_set *set;

	if (!first)
		return false;
	charge = *(const volatile __u64 *)&first->charge;
	holder = user_at(charge_position(charge), &set);
	if (!charge_is_of(charge, id) || !holder || holder->key.kind != HC_BY_LABEL)
		return false;
	kept = name_at(charge_position(charge));
	if (!kept)
		return false;
	*label = *kept;
	return *(const volatile __u64 *)&first->charge == charge;
}

/* The session has been accepted just now, under its lock. `sk`: see compat_joined(). */
static __noinline void label_joined(__u64 id, const struct tcp_sock *tp, void *sk)
{
	const struct mptcp_sock *joined = compat_joined(tp, sk);
	struct hc_label label = {};

	if (joined && label_of_first(joined, &label))
		label_try(id, &label, LABEL_LOCKED | LABEL_MASTER | LABEL_ONCE);
}

#endif
