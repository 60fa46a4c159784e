/* SPDX-License-Identifier: GPL-2.0-only */
/* What is known of one user: numbers, of which `find.h` makes findings. Nothing here asks the
 * kernel. */
#ifndef HEADCOUNT_WHY_FACTS_H
#define HEADCOUNT_WHY_FACTS_H

#include <stdbool.h>
#include <stddef.h>

#include "policy.h"
#include "user/base/user_name.h"

#define WHY_UNKNOWN (~0ull) /* a time that nobody knows */

/* What a slot is held for. Each session is of one class: the first that fits. */
enum why_class {
	WHY_STALE,       /* the peer is dead, by evidence */
	WHY_ORPHAN,      /* no process has it any more */
	WHY_HALF_CLOSED, /* the peer has closed it, its program has not */
	WHY_SUPERSEDED,  /* silent since before its client came back */
	WHY_IDLE,        /* no data for long */
	WHY_UNSEEN,      /* in a namespace that nobody can enter */
	WHY_IN_USE,
	WHY_CLASSES,
};

struct why_session {
	__u64 id;
	__u64 age_ms; /* since it was opened, or found at the start */
	__u64 idle_ms;
	__u64 heard_ms;       /* since anything came from the peer */
	__u64 half_closed_ms; /* since one side ended it */
	__u64 keepalive_ms;   /* after such a silence the kernel ends it; 0: never */
	__u32 unanswered, send_queue;
	__u32 pid;    /* of who holds it, or listens; 0: not known */
	__u32 others; /* users by label that have sessions from this address, too */
	__u8 remote[16];
	char comm[HC_COMM_MAX];
	__u8 state; /* 0: WHY_UNSEEN */
	bool inbound, stale, orphan;
	bool here;           /* the peer is this host itself */
	enum why_class what; /* why_find() says it */
};

enum why_cap_from { WHY_CAP_SERVICE, WHY_CAP_OVERRIDE, WHY_CAP_MOMENT };

struct why_facts {
	struct hc_user_key key;
	struct hc_service service; /* with the excess that the user has */
	char user[HC_USER_TEXT];   /* as commands take it */
	char name[HC_USER_TEXT];   /* as people read it */
	__u32 active, cap, peak;
	__u32 service_cap;   /* what held without an override or a cap of the moment */
	__u32 service_total; /* sessions that hold a slot of the service's total */
	__u64 opened, refused;
	__u64 refused_ms; /* since the last one */
	bool refused_by_total;
	enum why_cap_from from;
	bool of_fleet;        /* the cap is of all hosts together, and of it this one has */
	__u32 units;          /* so many, */
	bool is_short;        /* and the store has no more; */
	bool alone;           /* or it has no lease, and struct hc_service says what holds, */
	__u64 alone_since_ns; /* CLOCK_REALTIME; 0: not known */
	char override[HC_USER_TEXT];  /* WHY_CAP_OVERRIDE: whose it is */
	__u64 set_ns;                 /* WHY_CAP_MOMENT: when, by CLOCK_REALTIME, */
	__u32 asker;                  /* and the uid that did it */
	struct why_session *sessions; /* those that hold a slot */
	size_t count;
};

/* How long is long. */
struct why_limits {
	__u64 idle_ms;  /* without data: not in use */
	__u64 quiet_ms; /* half-closed, or silent when the client came back */
};
#define WHY_IDLE_MS   600000
#define WHY_QUIET_MS  60000
#define WHY_BURST_MS  10000   /* sessions so close together were opened by one cause */
#define WHY_RECENT_MS 3600000 /* a refusal so long ago matters */
#define WHY_MANY      4       /* fewer programs, clients or users are nothing to tell of */
#define WHY_NEAR(cap) ((cap) - (cap) / 5) /* of the cap, four fifths */

/* At the cap or close to it, or refused lately. */
bool why_is_pressed(__u32 active, __u32 cap, __u64 refused_ms);

#endif
