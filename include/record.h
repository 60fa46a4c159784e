/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What BPF sends: the records of the event rings and of the socket walk. The
 * layout is fixed and asserted below; a change of it moves HC_STATE_VERSION.
 * Integers are in host byte order, addresses 16 bytes in network byte order
 * with IPv4 as ::ffff:a.b.c.d. Times are CLOCK_MONOTONIC nanoseconds.
 */
#ifndef HEADCOUNT_RECORD_H
#define HEADCOUNT_RECORD_H

#include "keepalive.h"
#include "policy.h"

#define HC_RECORD_VERSION 5

enum hc_event_type {
	HC_OPENED = 1,
	HC_CLOSED = 2,
	HC_REFUSED = 3,
	HC_KILLED = 4,   /* an administrator had it closed, or headcount itself did, by its
			  * `end`; HC_CLOSED tells of the end */
	HC_LABELLED = 5, /* it was given a label, and is its user's now */
};

/* Flags of an event, which fit its 8 bits; a session has them, too, to hand them on. */
enum hc_flags {
	HC_F_FOUND = 2,    /* older than headcount: its start is not known */
	HC_F_OBSERVED = 4, /* over the cap but admitted: excess = observe */
	HC_F_TOTAL = 8,    /* refused by the service's total, not by the user's cap */
	HC_F_ORPHAN = 16,  /* HC_CLOSED: no process had it any more. Of an event alone */
	HC_F_IPV4 = 32,    /* IPv4 on the wire (an IPv4-mapped socket included) */
	HC_F_LATE = 64,    /* charged after its reservation had expired */
	HC_F_ALL = HC_F_FOUND | HC_F_OBSERVED | HC_F_TOTAL | HC_F_IPV4 | HC_F_LATE,
};

/* Flags of a session alone, above those, and in bits that no event has. */
#define HC_S_MUTE_SHIFT 8
enum hc_session_flags {
	HC_S_EVICTED = 1, /* beside HC_S_KILLED: by headcount itself, for another of its user */
	HC_S_ALONE = 1 << 7, /* the same, as the lease of its host was over */
	HC_S_MUTE_OPENED = HC_MUTE_OPENED << HC_S_MUTE_SHIFT, /* its service's enum hc_mute */
	HC_S_MUTE_CLOSED = HC_MUTE_CLOSED << HC_S_MUTE_SHIFT,
	HC_S_UID_LISTED = 1 << 10, /* `uid` is the table's of listeners, not the socket's own */
	HC_S_DIVERTED = 1 << 11,   /* redirected: nobody's session, and no slot is held */
	HC_S_KILLED = 1 << 12,     /* an administrator is closing it */
	HC_S_ANNOUNCED = 1 << 13,  /* its opened event was sent (or counted as lost) */
	HC_S_CONNECTING = 1 << 14, /* a slot is reserved; connect() has not sent a SYN yet */
	HC_S_REFUSED = 1 << 15,    /* late, and over the cap: user space is to close it */
	HC_S_IGNORING = 1 << 16,   /* its service has HC_ORPHANS_IGNORE */
	HC_S_IDLE = 1 << 17,       /* beside HC_S_KILLED: by headcount itself, as it was idle */
	HC_S_ALL = HC_S_MUTE_OPENED | HC_S_MUTE_CLOSED | HC_S_KILLED | HC_S_ANNOUNCED |
		   HC_S_CONNECTING | HC_S_REFUSED | HC_S_IGNORING | HC_S_IDLE | HC_S_DIVERTED |
		   HC_S_EVICTED | HC_S_ALONE | HC_S_UID_LISTED,
};
/* Who closes it; taken back if it could not be closed. */
#define HC_S_KILLED_BY (HC_S_KILLED | HC_S_IDLE | HC_S_EVICTED | HC_S_ALONE)
/* And from there up, the seconds of `keepalive` that were set, or 0. */
#define HC_S_KEEPALIVE_SHIFT 18
HC_STATIC_ASSERT(HC_F_ALL <= 0xff);
HC_STATIC_ASSERT(!(HC_S_ALL & 0x7e));
HC_STATIC_ASSERT(!(HC_F_ALL & HC_S_ALL));
HC_STATIC_ASSERT(!(HC_S_ALL >> HC_S_KEEPALIVE_SHIFT));
HC_STATIC_ASSERT(HC_KEEPALIVE_MAX < 1ull << (32 - HC_S_KEEPALIVE_SHIFT));

/* Why a session ended, from the last state before CLOSE and the socket's error. */
enum hc_end {
	HC_END_UNKNOWN = 0,
	HC_END_FINISHED = 1,    /* both sides sent FIN */
	HC_END_RESET = 2,       /* the peer sent a RST */
	HC_END_TIMEOUT = 3,     /* retransmissions or keepalive ran out */
	HC_END_REFUSED = 4,     /* outbound: the peer refused */
	HC_END_ABANDONED = 5,   /* outbound: closed before it was established */
	HC_END_UNREACHABLE = 6, /* outbound: so the network said (ICMP) */
	HC_END_ABORTED = 7,     /* this side sent a RST: unread data, SO_LINGER 0 */
	HC_END_KILLED = 8,      /* an administrator closed it (headcount kill, ss -K) */
	HC_END_IDLE = 9,        /* headcount closed it: no payload for the service's `idle` */
	HC_END_EVICTED = 10,    /* headcount closed it, for a newcomer of its user */
	HC_END_ALONE = 11,      /* headcount closed it, as its host's lease was over */
	HC_END_COUNT,
};

/* Both ends of a connection. */
struct hc_ends {
	__u8 local[16];
	__u8 remote[16];
	__u16 local_port; /* host order */
	__u16 remote_port;
	__u32 netns; /* inode number */
};

/* What tells a peer that is there from one that is not: bpf/peer.h. Ticks are the kernel's
 * jiffies (user/base/ticks.h). */
struct hc_peer {
	__u32 heard_ticks; /* since its last segment, HC_NEVER if there was none */
	__u32 send_queue;  /* bytes that were written and that it has not acknowledged */
	__u32 unanswered;  /* retransmissions and probes since it answered */
};
#define HC_NEVER 0xffffffffu

/* How the kernel finds out that the peer has gone, as the socket has it: keepalive probes, and
 * TCP_USER_TIMEOUT. All 0: it does not. */
struct hc_alive {
	__u32 silence_ticks;
	__u32 interval_ticks;
	__u32 user_timeout_ms;
	__u32 probes; /* 0: SO_KEEPALIVE is off */
};

/* Since payload was received, or sent for the first time. */
struct hc_idle {
	__u32 ticks;
	__u32 ms; /* by another clock, or HC_NEVER: the lesser counts */
};

/* What made a session the stalest of its user. */
enum hc_evidence {
	HC_EVIDENCE_NONE = 0,
	HC_EVIDENCE_DEAD = 1, /* its peer left what it was asked unanswered */
	HC_EVIDENCE_IDLE = 2, /* it was idle for longest */
};

/* When one side ended a session, in 1 << HC_HALF_CLOSED_SHIFT ticks: bpf/half_closed.h. */
#define HC_HALF_CLOSED_SHIFT 2
#define HC_HALF_CLOSED_BITS  31

/*
 * One session event. `local` and `remote` are this host's and the peer's side; who opened the
 * connection is `direction`.
 *
 * HC_OPENED ends where the traffic begins, at HC_OPENED_SIZE: of a session that has just begun
 * there is none, and each cache line that a record is written to costs time.
 */
struct hc_event {
	__u16 version; /* HC_RECORD_VERSION */
	__u8 type;     /* enum hc_event_type */
	__u8 direction;
	__u8 flags; /* enum hc_flags */
	__u8 end;   /* HC_CLOSED, HC_KILLED: enum hc_end */
	union {
		__u8 error;    /* HC_CLOSED: the socket's errno, 0 if none */
		__u8 evidence; /* HC_END_EVICTED: enum hc_evidence */
	};
	__u8 unanswered; /* HC_CLOSED, HC_END_EVICTED: struct hc_peer */
	__u64 time_ns;
	__u64 start_ns; /* 0 with HC_F_FOUND */
	__u64 id;       /* socket cookie; 0 for an inbound refusal */
	struct hc_user_key user;
	__u32 active; /* the user's sessions after this event */
	__u32 cap;
	__u32 uid;              /* the socket's owner, HC_UID_UNKNOWN if not known */
	__u32 pid;              /* inbound: the listener's; 0 if not known */
	struct hc_ends ends;    /* all zero where a refusal does not know */
	char comm[HC_COMM_MAX]; /* hostile bytes; NUL-padded, perhaps not terminated */
	union {
		struct {
			__u64 rx_bytes;      /* payload from the peer */
			__u64 tx_bytes;      /* payload the peer acknowledged */
			struct hc_idle idle; /* HC_CLOSED, HC_END_EVICTED */
		};
		__u8 newcomer[16]; /* HC_KILLED, HC_END_EVICTED: for whom; in place of the bytes
				    */
		struct hc_user_key before; /* HC_LABELLED: whose it was */
	};
	union {
		__u32 suppressed; /* HC_REFUSED: refusals of this user not reported since the
				     last */
		__u32 send_queue; /* HC_CLOSED: struct hc_peer */
	};
	__u32 srtt_us;
	__u32 retransmits;
	union {
		__u32 asker;       /* HC_KILLED: the uid of whoever had it closed */
		__u32 heard_ticks; /* HC_CLOSED: struct hc_peer */
	};
	union {
		__u32 half_closed;   /* HC_CLOSED: see struct hc_socket */
		__u32 unheard_ticks; /* HC_KILLED, HC_END_EVICTED: struct hc_peer */
	};
	/* The same, and 0 if it has none. HC_KILLED by an administrator of another host of the
	 * fleet, whose uid `asker` is: the number of that host (user/fleet/askers.h). */
	__u16 newcomer_port;
	__u8 excess; /* HC_REFUSED: enum hc_excess that it got */
	__u8 spare;
};
#define HC_OPENED_SIZE __builtin_offsetof(struct hc_event, rx_bytes)

/* An event that also tells the label of its user: that it was given, or refused. */
struct hc_label_event {
	struct hc_event event;
	struct hc_label label;
};

/*
 * One session in the kernel.
 *
 * `charge` says which slot the session holds (charge.h packs it) and is
 * exchanged atomically: whoever takes it out releases it, once. It is 0 while
 * the record is not complete, if its user could not be tracked, and of an orphan
 * that is not counted.
 */
struct hc_session {
	__u64 charge;
	__u64 opened_ns;
	__u64 cgroup;
	__u32 uid;
	__u32 pid;
	struct hc_ends ends;
	struct hc_user_key user; /* its service is the session's */
	__u32 flags; /* enum hc_flags, enum hc_session_flags; HC_S_ANNOUNCED is set atomically
		      */
	__u32 position; /* where the record is: bpf/sessions.h */
	union {
		__u32 netns_cookie; /* of ends.netns: see struct hc_namespace */
		__u32 reserved_of;  /* HC_S_CONNECTING: the user's position */
	};
	__u32 direction : 1;
	/* 0: it is not, or was before headcount. HC_S_CONNECTING: the policy's generation */
	__u32 half_closed : HC_HALF_CLOSED_BITS;
	char comm[HC_COMM_MAX];
};

/* The session table is set-associative: a cookie is in one way of one of
 * HC_SESSION_TRIES sets. id 0: the way is free. */
#define HC_SESSION_WAYS   8
#define HC_SESSION_TRIES  6
#define HC_SESSION_LEVELS 3   /* the first tries, each among more sets: sets.h */
#define HC_SESSION_HOT    256 /* sets of the first; 8 times as many of each next */

/* Flipped in a way's id while its record is being made, and nobody is to find it yet
 * (session_show()). The kernel counts cookies up from 0, and within an interrupt down from 2^64
 * (gen_cookie_next()): the two highest bits of one are alike. */
#define HC_SESSION_HIDDEN (1ull << 62)

struct hc_session_set {
	__u64 id[HC_SESSION_WAYS];
	struct hc_session way[HC_SESSION_WAYS];
};

/* One TCP socket as the socket walk (iter/tcp) sees it now, with the session
 * that headcount keeps for it, if any. */
struct hc_socket {
	__u64 id;
	__u64 rx_bytes;
	__u64 tx_bytes;
	__u32 srtt_us;
	struct hc_idle idle;
	__u8 state;    /* enum tcp_state of <netinet/tcp.h>: 1 ESTABLISHED .. 11 CLOSING */
	__u8 tracked;  /* `session` holds what headcount keeps */
	__u8 repaired; /* the walk made the session now */
	__u8 mptcp;    /* a subflow of an MPTCP connection */
	__u32 device;  /* the one that it is bound to, or 0 */
	struct hc_peer peer;
	__u32 half_closed; /* since then, or HC_NEVER: it is not, or nobody saw when */
	__u8 orphan;       /* no process has it any more */
	__u8 spare[3];
	struct hc_alive alive;
	struct hc_session session; /* addresses are filled in untracked too */
};

/* A session that was refused too late (HC_S_REFUSED), for `run` to close: a record of the ring
 * `late`. */
struct hc_late {
	__u64 id;
	struct hc_ends ends;
};

/* Who has a session's socket, as walk_files tells it. */
struct hc_holder {
	__u64 id;
	__u64 started_ns; /* of the process */
	__u32 pid;
	__u32 spare;
	char comm[HC_COMM_MAX];
};

/* What `kill` asks of kill_mark and kill_tell. */
struct hc_kill {
	__u64 id;
	__u32 asker;
	__u8 closed; /* the kernel says that it was closed, for us: tell it */
	__u8 end;    /* HC_END_UNKNOWN: by an administrator; by headcount itself HC_END_IDLE, */
	__u8 evidence;   /* HC_END_ALONE, or HC_END_EVICTED, with what made it the stalest, */
	__u8 unanswered; /* as in struct hc_event */
	struct hc_idle idle;
	__u32 unheard_ticks;
	__u16 newcomer_port; /* and whom it makes room for; else as in struct hc_event */
	__u16 spare;
	__u8 newcomer[16];
	struct hc_session session;
};

/* What `label` asks of label_set: the label that the session is to have. */
struct hc_label_order {
	__u64 id;
	struct hc_label label;
	__u32 error; /* the answer: 0 or an errno */
	__u32 spare;
};

/* What the daemon asks of set_units: so many units of the fleet's cap for a user, which the
 * store of this shard keeps. */
struct hc_units {
	struct hc_user_key user;
	__u32 units;
	__u32 shard;   /* less than HC_SHARDS_MAX */
	__u32 looks;   /* nothing is to be set */
	__u32 taken;   /* the answer: slots, when none can be taken under the older number */
	__u32 missing; /* the answer: the user has no record, and so no units and nothing taken
			*/
	__u32 spare;
};

/* What `audit --repair` asks of walk_repairs: a session's id, whose socket is gone; or a user's
 * position, whose count of sessions is to change, unless something happened to it since
 * it was read.
 */
struct hc_repair {
	__u64 id;
	__u64 word; /* of the user, as it was read */
	__s32 change;
	__u8 of_user;
	__u8 done; /* the answer */
	__u8 spare[2];
};
#define HC_REPAIRS_AT_ONCE 256

/* What a walk over the sockets is for. */
enum hc_sweep {
	HC_SWEEP_NOT = 0,   /* the snapshot of the start: it charges what it finds */
	HC_SWEEP_ALL = 1,   /* keepalive is set, and those that were idle for long are told */
	HC_SWEEP_USERS = 2, /* those of some users are told, and perhaps of others */
	HC_SWEEP_DEAD = 3,  /* those are told whose peer has left so much unanswered */
};

/* Users, each by a bit that a hash of its key selects (sets.h). */
#define HC_WANTED_BITS 4096
struct hc_wanted {
	__u64 bits[HC_WANTED_BITS / 64];
};

/* What user space asks of the programs that it runs itself: bpf/tables.h, bpf/kill.h. */
struct hc_errand {
	__u32 next;  /* the walks: the set, or the repair, that the next run takes */
	__u32 flush; /* walk_users reports every refusal, however recent the last report is */
	__u32 strangers;  /* walk_programs: sockops programs that are no headcount's */
	__u32 sweep;      /* walk_sockets: enum hc_sweep */
	__u32 idle_ticks; /* tells of sessions that have been idle for so long; 0: none */
	__u32 unanswered; /* HC_SWEEP_DEAD: at least so many */
	struct hc_wanted wanted;
	struct hc_kill kill;
	struct hc_label_order label;
	struct hc_units units;
	struct hc_repair repairs[HC_REPAIRS_AT_ONCE];
};

HC_STATIC_ASSERT(sizeof(struct hc_event) == 176);
HC_STATIC_ASSERT(sizeof(struct hc_label_event) == 240);
HC_STATIC_ASSERT(__builtin_offsetof(struct hc_event, time_ns) == 8);
HC_STATIC_ASSERT(__builtin_offsetof(struct hc_event, user) == 32);
HC_STATIC_ASSERT(__builtin_offsetof(struct hc_event, ends) == 72);
HC_STATIC_ASSERT(__builtin_offsetof(struct hc_event, comm) == 112);
HC_STATIC_ASSERT(HC_OPENED_SIZE == 128);
HC_STATIC_ASSERT(sizeof(struct hc_session) == 128);

#endif
