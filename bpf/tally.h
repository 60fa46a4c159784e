/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counting what happened in a service: see include/counters.h. Atomic, because a
 * packet may close a session on the CPU that is about to count another one.
 */
#ifndef HEADCOUNT_TALLY_H
#define HEADCOUNT_TALLY_H

#include "maps.h"

static __always_inline void counter_add(__u64 *counter, __u64 number)
{
	__sync_fetch_and_add(counter, number);
}

static __always_inline struct hc_counters *counters_of(__u32 service)
{
	service &= HC_SERVICES_MAX - 1;
	return bpf_map_lookup_elem(&totals, &service);
}

static __always_inline void count_opened(const struct hc_session *session)
{
	struct hc_counters *counters = counters_of(session->user.service);

	if (counters)
		counter_add(&counters->opened, 1);
}

/* Most sessions are short: the first that fits. */
static __always_inline enum hc_lasted lasted_bucket(__u64 ns)
{
#define X(name, bound)                                                                         \
	if (ns <= bound)                                                                       \
		return HC_LASTED_##name;
	HC_LASTED_BOUNDS(X)
#undef X
	return HC_LASTED_LONGER;
}

static __always_inline void count_closed(const struct hc_session *session, __u8 end, __u64 now)
{
	struct hc_counters *counters = counters_of(session->user.service);
	__u64 lasted = now - session->opened_ns;

	if (!counters || end >= HC_END_COUNT)
		return;
	counter_add(&counters->closed[end], 1);
	if (end == HC_END_UNKNOWN || session->flags & HC_F_FOUND)
		return;
	counter_add(&counters->lasted[lasted_bucket(lasted)], 1);
	counter_add(&counters->lasted_ns, lasted);
}

/* `audit --repair` walks: what the walk at the start charges, or ends at once, was no mistake
 * of ours. */
const volatile bool walk_correct = false;

static __always_inline void count_corrected(void)
{
	if (walk_correct)
		count_loss(HC_LOSS_CORRECTED);
}

/* Not inline: the gates' stack is full. */
static __noinline void count_refused(__u32 service, bool total, __u32 excess)
{
	struct hc_counters *counters = counters_of(service);

	if (counters && excess < HC_EXCESS_COUNT)
		counter_add(&counters->refused[total ? HC_SCOPE_TOTAL : HC_SCOPE_USER][excess],
			    1);
}

#endif
