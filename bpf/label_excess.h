/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What setsockopt() of a label over its cap gets. The session is there already: nothing can be
 * dropped or sent elsewhere. With excess = evict the daemon is asked to make room, and without
 * a unit of the fleet's cap for one, and the caller told to try again (EINPROGRESS here, EAGAIN
 * to him); all else is EDQUOT.
 */
#ifndef HEADCOUNT_LABEL_EXCESS_BPF_H
#define HEADCOUNT_LABEL_EXCESS_BPF_H

#include "excess.h"
#include "refusal.h"

/* Does the daemon make room for who asks now? */
static __always_inline bool evicts_now(__u64 now)
{
	__u32 zero = 0;
	const __u64 *until = bpf_map_lookup_elem(&evicting, &zero);

	return until && now < *until;
}

/* Asks for room, unless there is none to be had: false. In claim->again whether this has been
 * told before. */
static __noinline bool label_waits(struct claim *claim, const struct hc_user_key *user,
				   const struct hc_ends *ends, __u32 wait_max)
{
	struct hc_ends mark = *ends;
	__u64 first_ns;

	mark.local_port = 0; /* as no attempt to connect has: this one may have waited before */
	if (evicts_now(claim->now) && !user_is_barren(user, claim->now)) {
		first_ns = attempt_note(claim, &mark, true);
		if (claim->now - first_ns < wait_max * 1000000000ull) {
			plea_emit(claim, user, ends, first_ns, claim->excess == OVER_TOTAL);
			return true;
		}
	}
	claim->again = false;
	attempt_forget(&mark);
	return false;
}

/* Asks for a unit, unless that has been done for `wait_max`: false. */
static __noinline bool label_asks(struct claim *claim, const struct hc_user_key *user,
				  const struct hc_label *label, const struct hc_ends *ends,
				  __u32 wait_max)
{
	struct hc_ends mark = *ends;
	__u64 first_ns;

	mark.local_port = 0; /* see label_waits() */
	first_ns = attempt_note(claim, &mark, false);
	if (claim->now - first_ns < wait_max * 1000000000ull) {
		ask_emit(claim, user, label, ends, 0);
		return true;
	}
	attempt_forget(&mark);
	return false;
}

/*
 * A label without a unit. Whatever the service says of what is cold the server is to try again:
 * false; without `ends` it will not. True: the slot is to be tried once more, short of units,
 * as it is after wait_max, or let in without one where what is over the cap is only observed.
 */
static __noinline bool label_cold(struct claim *claim, const struct hc_user_key *user,
				  const struct hc_label *label,
				  const struct hc_service *service, const struct hc_ends *ends)
{
	bool again = cold_again(claim, user, excess_observes(service, claim->traits));

	if (!again && ends && label_asks(claim, user, label, ends, service->wait_max))
		return false;
	claim->again = false;
	if (!again)
		claim->cold = COLD_SHORT;
	if (claim->cold == COLD_ENTERS)
		ask_emit(claim, user, label, NULL, 0);
	return true;
}

/* claim->excess says what it is over. What it gets is in claim->gets, and counted. `asks`: for
 * room, if that may be had. */
static __always_inline bool label_holds(struct claim *claim, const struct hc_session *session,
					const struct hc_user_key *user,
					const struct hc_service *service, bool asks)
{
	bool waits = asks && hc_excess_of(service, claim->traits) == HC_EVICT &&
		     label_waits(claim, user, &session->ends, service->wait_max);

	if (waits)
		claim->gets = HC_EVICT;
	if (service->holding && !claim->again)
		refusal_note(claim, user, service, claim->excess == OVER_TOTAL);
	if (!claim->again)
		count_refused(user->service, claim->excess == OVER_TOTAL, claim->gets);
	return waits;
}

#endif
