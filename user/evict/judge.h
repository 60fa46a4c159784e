/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which of a user's sessions goes first, if any may: those whose peer is dead by evidence
 * (sessions/stale.h), the longest unheard of them first, and then the longest idle, of those
 * that have been idle for at least `evict_idle`. Never another one.
 *
 * Never either: a subflow of an MPTCP connection, which may be idle while others are not; what
 * is being closed already, as it was late; and what its process has closed, because kernels
 * before 6.11 do not end that when they are asked to, and leave it for ever.
 */
#ifndef HEADCOUNT_EVICT_JUDGE_H
#define HEADCOUNT_EVICT_JUDGE_H

#include <stdbool.h>
#include <stddef.h>

#include "record.h"

/* What is said of a user. */
struct evict_terms {
	__u64 idle_ms; /* evict_idle */
	bool spared;   /* not for being idle: an override says idle=never */
};

/* One that may go; the socket is the caller's. */
struct evict_choice {
	const struct hc_socket *socket;
	enum hc_evidence evidence;
	__u64 ms;  /* unheard, or idle */
	size_t of; /* the number of its user's case */
};

/* HC_EVIDENCE_NONE: it may not. */
enum hc_evidence evict_judge(const struct hc_socket *socket, const struct evict_terms *terms);

/* Is it still, by what the kernel tells of it now? It may have woken up since it was seen. */
struct tcp_info;
bool evict_confirm(const struct evict_choice *choice, const struct tcp_info *info);

/* Sorts them: by case, and within it the stalest first. */
void evict_sort(struct evict_choice *choices, size_t count);

#endif
