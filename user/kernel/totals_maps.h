/* SPDX-License-Identifier: GPL-2.0-only */
/* What happened in each service, of all CPUs together. */
#ifndef HEADCOUNT_TOTALS_USER_H
#define HEADCOUNT_TOTALS_USER_H

#include "user/kernel/policy_maps.h"
#include "counters.h"

/* `counters` has a place for each of the HC_SERVICES_MAX ids. Prints errors. */
int counters_read(const struct headcount_bpf *object, struct hc_counters *counters);

/* The same, in memory that is the caller's to free(); NULL after an error. */
int counters_read_new(const struct headcount_bpf *object, struct hc_counters **counters);

/* Sessions that were opened and are not closed. Right for all services together: a
 * reload moves some from one to another. */
__u64 counters_sessions(const struct hc_counters *counters);

/* How a service stands with its `total`. */
struct service_total {
	__u32 active;  /* sessions that hold a slot of it */
	__u64 refused; /* attempts that it refused, or under observe would have */
};

/* Of the services of `policy` that have one; `totals` has a place for each id. Prints errors.
 */
int totals_of_services(const struct headcount_bpf *object, const struct policy *policy,
		       struct service_total *totals);

/* A new service is about to get this id: nothing has happened in it. */
int counters_clear(const struct headcount_bpf *object, __u32 id);

/* Attempts refused by the user's cap or by the total, whatever they got. */
static inline __u64 counters_refused(const struct hc_counters *counters, enum hc_scope scope)
{
	__u64 refused = 0;

	for (int excess = 0; excess < HC_EXCESS_COUNT; excess++)
		refused += counters->refused[scope][excess];
	return refused;
}

#endif
