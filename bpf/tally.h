/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counting what happened in a service: see include/totals.h. Atomic, because a
 * packet may close a session on the CPU that is about to count another one.
 */
#ifndef HEADCOUNT_TALLY_H
#define HEADCOUNT_TALLY_H

#include "maps.h"

static __always_inline void totals_add(__u64 *count, __u64 number)
{
	__sync_fetch_and_add(count, number);
}

static __always_inline struct hc_totals *totals_of(__u32 service)
{
	service &= HC_SERVICES_MAX - 1;
	return bpf_map_lookup_elem(&totals, &service);
}

static __always_inline void totals_opened(const struct hc_session *session)
{
	struct hc_totals *totals = totals_of(session->user.service);

	if (totals)
		totals_add(&totals->opened, 1);
}

/* Most sessions are short: the first that fits. */
static __always_inline enum hc_lasted totals_bucket(__u64 ns)
{
#define X(name, bound)                                                                         \
	if (ns <= bound)                                                                       \
		return HC_LASTED_##name;
	HC_LASTED_BOUNDS(X)
#undef X
	return HC_LASTED_LONGER;
}

static __noinline void totals_closed(const struct hc_session *session, __u8 end, __u64 now)
{
	struct hc_totals *totals = totals_of(session->user.service);
	__u64 lasted = now - session->opened_ns;

	if (!totals || end >= HC_END_COUNT)
		return;
	totals_add(&totals->closed[end], 1);
	if (end == HC_END_UNKNOWN || session->flags & HC_F_FOUND)
		return;
	totals_add(&totals->lasted[totals_bucket(lasted)], 1);
	totals_add(&totals->lasted_ns, lasted);
}

/* Not inline: the gates' stack is full. */
static __noinline void totals_refused(__u32 service, bool total)
{
	struct hc_totals *totals = totals_of(service);

	if (totals)
		totals_add(&totals->refused[total ? HC_SCOPE_TOTAL : HC_SCOPE_USER], 1);
}

#endif
