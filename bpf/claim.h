/* SPDX-License-Identifier: GPL-2.0-only */
/* What is asked of the user table and what it answers; counting a refusal. */
#ifndef HEADCOUNT_CLAIM_H
#define HEADCOUNT_CLAIM_H

#include "charge.h"
#include "emit.h"
#include "users.h"

enum verdict {
	/* Apart from 0 and 1, which programs return: the compiler would hand a
	 * function's unbounded result on as such, and the verifier refuse it. */
	ADMITTED = 16,
	UNTRACKED, /* admitted, no slot taken; the loss is counted */
	OVER_CAP,
	OVER_TOTAL,
	COLD,      /* of the fleet: below its cap, and the host has no unit for it */
	UNDECIDED, /* by user_try(): the lock is needed */
};

/* An attempt without a unit that is tried once more. */
enum cold {
	COLD_ASKS,  /* it is not: it is COLD */
	COLD_SHORT, /* the store has none: it is over the cap */
	COLD_ENTERS /* it is let in without, below the cap of the fleet */
};

/* One question to the user table and its answer. */
struct claim {
	__u64 now;
	__u64 when;       /* when the reservation was made; as `now`: the newest until now */
	__u32 position;   /* the user's; before, where it was found last, or 0 */
	__u32 generation; /* of a policy by which `cap` and `traits` are resolved; 0: they are
			     not */
	/* answers */
	__u32 active;
	__u32 cap;
	union {
		__u32 suppressed;
		__u32 members; /* before: struct hc_fleet, and in `live` a bit for each shard */
	};
	__u16 live;  /* whose lease is live: units_look() */
	__u8 report; /* a refusal that is to be reported */
	__u8 over;   /* observe: admitted over the cap */
	__u8 late;   /* the reservation had expired */
	__u8 total;  /* a slot of the service's total is taken too */
	__u8 excess; /* OVER_CAP, OVER_TOTAL: late, and what it was charged to is over now */
	__u8 traits; /* enum hc_traits, of the user */
	__u8 look;   /* packets in hand may hold what is missing */
	__u8 gets; /* enum hc_excess: what an excess got; HC_REJECT where it is not known yet */
	/* asked: a refusal is neither counted nor reported, refusal_note() does */
	__u8 quiet : 1;
	__u8 cold : 2;  /* asked: enum cold */
	__u8 again : 1; /* of an attempt that has been told before */
};

/* Is a user with these traits only observed? */
static __always_inline bool excess_observes(const struct hc_service *service, __u8 traits)
{
	return hc_excess_of(service, traits) == HC_OBSERVE;
}

/* With the set locked. What the excess gets is in claim->gets, if it is neither a RST nor to be
 * let in. */
static __always_inline void refusal_count(struct hc_user *user, struct claim *claim,
					  const struct hc_service *service, bool total)
{
	struct hc_refusals *refusals = &user->refusals;
	__u32 window = claim->now >> HC_WINDOW_SHIFT;
	bool observe = excess_observes(service, user->traits);

	claim->over = observe;
	if (claim->quiet)
		return;
	user->refused++;
	if (observe)
		claim->gets = HC_OBSERVE;
	refusals->excess = claim->gets;
	if (service->mute & HC_MUTE_REFUSED)
		return; /* and spends nothing of what may be reported in a window */
	refusals->flags = (observe ? HC_F_OBSERVED : 0) | (total ? HC_F_TOTAL : 0);
	if (refusals->window != window) {
		refusals->window = window;
		refusals->sent = 0;
	}
	if (refusals->sent >= HC_REFUSALS_PER_WINDOW) {
		refusals->suppressed++;
		refusals->active = hc_user_active(user);
		return;
	}
	refusals->sent++;
	claim->suppressed = refusals->suppressed;
	claim->report = true;
	refusals->suppressed = 0;
}

/* A report that did not get into the ring counts as suppressed again, with those that it stood
 * for; if others were since then, they are later ones. */
static __always_inline void refusal_uncount(const struct claim *claim,
					    const struct hc_user_key *key)
{
	struct hc_user_set *set;
	struct hc_user *user = user_at(claim->position, &set);
	struct hc_refusals *refusals;

	if (!user)
		return;
	refusals = &user->refusals;
	bpf_spin_lock(&set->lock);
	if (user_same(&user->key, key)) {
		if (!refusals->suppressed)
			refusals->active = claim->active;
		refusals->suppressed += claim->suppressed + 1;
	}
	bpf_spin_unlock(&set->lock);
}

#endif
