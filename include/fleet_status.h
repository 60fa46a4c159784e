/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How this host's part in a fleet goes: the value of the map `fleet_statuses`. The daemon alone
 * writes it, each second and after a change; commands and the metrics read it. All of it at
 * once, under its lock.
 */
#ifndef HEADCOUNT_FLEET_STATUS_H
#define HEADCOUNT_FLEET_STATUS_H

#include "policy.h"

#define HC_FLEET_NAME  64
#define HC_FLEET_EPOCH 128
#define HC_FLEET_PLACE 128
#define HC_FLEET_WHY   192

/* What a host is to the store. */
enum hc_fleet_stage {
	HC_FLEET_OUT,    /* no member */
	HC_FLEET_CLAIMS, /* it tells the store what it holds */
	HC_FLEET_MEMBER,
};

/* What happened since the daemon began: fleet_counters and store_state of user/fleet. */
struct hc_fleet_counts {
	__u64 messages, answers, late, unconfirmed, malformed, given_up;
	__u64 joined, carried, expelled;
	__u64 asks, short_of, full;
	__u64 found, broken, failed;
};

struct hc_fleet_shard {
	__u64 deadline_ns;    /* of the lease: CLOCK_BOOTTIME; 0: none */
	__u64 alone_since_ns; /* CLOCK_REALTIME; 0: it is not alone */
	__u64 round_trip_ns;  /* of the last answer */
	struct hc_fleet_counts counts;
	__u32 members; /* the store's, this host among them; 0: not known */
	__u32 servers; /* that may acknowledge */
	__u8 stage;    /* enum hc_fleet_stage */
	__u8 ready;    /* the epoch grants; else it learns */
	__u8 reached;  /* there is a connection to a primary */
	__u8 hears;    /* and one for calls */
	__u32 spare;
	char epoch[HC_FLEET_EPOCH];
	char server[HC_FLEET_PLACE]; /* the primary, or who was asked last */
	char why[HC_FLEET_WHY];      /* what went wrong last, as outsiders say it */
};

/* What came of what other hosts asked this one to run (--fleet). */
enum hc_fleet_asked {
	HC_ASKED_RUN,
	HC_ASKED_REFUSED, /* sessions were to be closed, and kill = no */
	HC_ASKED_BUSY,    /* there were too many */
	HC_ASKED_BAD,     /* it was nothing that may be asked */
	HC_ASKED_RESULTS,
};

struct hc_fleet_status {
	struct bpf_spin_lock lock;
	__u32 shards;        /* 0: there is no fleet, or the daemon has left it */
	__u64 time_ns;       /* CLOCK_BOOTTIME of this */
	__u64 users, units;  /* that this host holds */
	__u64 debts;         /* units beyond the cap of their user */
	__u64 asks_a_second; /* lately */
	__u64 closed;        /* sessions that had no unit, or by alone = close */
	__u64 lease_ns;
	__u64 asked[HC_ASKED_RESULTS];
	__u32 alone; /* enum hc_alone of the configuration */
	__u32 spare;
	char name[HC_FLEET_NAME];
	struct hc_fleet_shard shard[HC_SHARDS_MAX];
};

HC_STATIC_ASSERT(sizeof(struct hc_fleet_shard) == 608);

#endif
