/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A client that lost its connection and came back, as its sessions tell: it opened one or more
 * within seconds, and of all that it had opened before nothing has been heard since.
 */
#ifndef HEADCOUNT_WHY_RECONNECTS_H
#define HEADCOUNT_WHY_RECONNECTS_H

#include "user/why/groups.h"

struct why_return {
	size_t rounds;   /* how often it came back; 0: never */
	size_t left;     /* the first so many of the group were left behind the last time */
	size_t burst;    /* so many were opened then, */
	__u64 ms;        /* so long ago, */
	__u64 silent_ms; /* and of what was left nothing has been heard for at least so long */
};

/* Of a group by address. */
struct why_return why_returns(const struct why_group *group, const struct why_limits *limits);

#endif
