/* SPDX-License-Identifier: GPL-2.0-only */
/* What is asked of the user table and what it answers; how a charge is packed; counting a
 * refusal. */
#ifndef HEADCOUNT_CLAIM_H
#define HEADCOUNT_CLAIM_H

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

#endif
