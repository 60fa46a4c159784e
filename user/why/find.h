/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an administrator would find out of a user's sessions. Pure: facts in, findings out, each
 * with the numbers that it rests on. What is not certain is not said: README of headcount(8),
 * `why`, says what each takes.
 */
#ifndef HEADCOUNT_WHY_FIND_H
#define HEADCOUNT_WHY_FIND_H

#include "user/why/facts.h"

enum why_kind {
	WHY_FULL,          /* at the cap */
	WHY_REFUSED,       /* lately: `count` times, `least_ms` ago */
	WHY_KEPT,          /* over the service's cap, and what kept it from being refused */
	WHY_DEAD_PEERS,    /* `count` sessions are stale */
	WHY_LEAK,          /* a program does not close what its peers have closed */
	WHY_ORPHANS,       /* `count` have no process */
	WHY_RECONNECTS,    /* a client came back `rounds` times and left sessions behind */
	WHY_IDLERS,        /* `count` have had no data for long */
	WHY_ONE_PROGRAM,   /* one process opened most of them */
	WHY_MANY_CLIENTS,  /* `others` clients share one user */
	WHY_SHARED,        /* an address is also that of `others` users */
	WHY_THIS_HOST,     /* the clients are this host: a proxy before the service */
	WHY_OWN_KEEPALIVE, /* `count` have not the service's, `others` of them none */
	WHY_BUSY,          /* most are in use: the cap is what is too small */
	WHY_KINDS,
};

/* What kept a session over the service's cap from being refused. */
enum why_kept { WHY_BY_OVERRIDE, WHY_BY_MOMENT, WHY_BY_OBSERVE, WHY_BY_AGE };

struct why_finding {
	enum why_kind kind;
	enum why_kept kept;
	size_t count; /* sessions that it is about; WHY_REFUSED: attempts */
	size_t of;    /* of so many */
	__u64 least_ms,
		most_ms;  /* WHY_RECONNECTS: since it came, and of the older ones' silence */
	__u32 unanswered; /* the most */
	size_t rounds, burst; /* WHY_RECONNECTS: how often, and with how many the last time */
	size_t stale;         /* and of `count`, so many are stale */
	size_t others;        /* clients, users or processes */
	__u32 pid;            /* if there is one process */
	char comm[HC_COMM_MAX];
	__u8 address[16];
};

struct why_report {
	struct why_finding *findings; /* in the order of their kinds */
	size_t count;
	size_t classes[WHY_CLASSES];
};

/* Also says of each session its class. Returns 0 or -ENOMEM; to be freed in any case. */
int why_find(struct why_facts *facts, const struct why_limits *limits,
	     struct why_report *report);
void why_report_free(struct why_report *report);

/* "stale", "close-wait-leak": for scripts. */
const char *why_kind_word(enum why_kind kind);
const char *why_class_word(enum why_class what);

#endif
