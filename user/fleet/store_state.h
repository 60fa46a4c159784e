/* SPDX-License-Identifier: GPL-2.0-only */
/* What is told of a store: for status, log and metrics. */
#ifndef HEADCOUNT_FLEET_STORE_STATE_H
#define HEADCOUNT_FLEET_STORE_STATE_H

#include "user/config/store_address.h"

enum store_stage {
	STORE_AWAY,  /* no primary was found: a pause, then again */
	STORE_SEEKS, /* connects, asks who is primary, loads the scripts */
	STORE_READY, /* messages go to the primary */
};

struct store_state {
	enum store_stage stage;
	bool hears;       /* is subscribed to its calls */
	__u32 servers;    /* as they are counted now; 0: not known yet */
	__u64 since;      /* that it is ready, or not any more: CLOCK_BOOTTIME; 0: never was */
	__u64 round_trip; /* ns of the last answer, with what it waited for replicas; 0: none */
	__u64 found;      /* primaries, since the beginning: each is a new connection */
	__u64 broken;     /* connections to a primary that ended */
	__u64 failed;     /* attempts to find one: whole rounds of all places */
	char server[STORE_HOST_MAX + 10]; /* the primary, or who was asked last */
	/* Why the last connection ended or was not made, without a newline; it may quote a
	 * server: escape it. "": nothing has gone wrong. */
	char why[256];
};

#endif
