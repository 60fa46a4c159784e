/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What both sides agree on about services, users and caps: the values in the
 * policy maps. All integers are in host byte order
 * unless a comment says otherwise; addresses are 16 bytes in network byte
 * order, an IPv4 address as ::ffff:a.b.c.d.
 *
 * A reload never touches a program. The maps hold two halves of the policy;
 * user space fills the half that is not in use and then moves the generation,
 * which switches to it in one store.
 */
#ifndef HEADCOUNT_POLICY_H
#define HEADCOUNT_POLICY_H

#include <linux/bpf.h> /* struct bpf_spin_lock */
#include <linux/types.h>

#define HC_STATE_VERSION 12 /* layout of every pinned map; another one is not adopted */

#define HC_SERVICES_MAX 256 /* service ids; 0 and 1 are the built-ins */
#define HC_NAME_MAX     32  /* bytes of a service's name with its NUL */
#define HC_COMM_MAX     16  /* TASK_COMM_LEN */
#define HC_UNLIMITED    0xffffffffu
#define HC_UID_UNKNOWN  0xffffffffu
#define HC_KEEP_SECONDS 300 /* a user's record is shown this long after its last session */

enum hc_builtin {
	HC_OUTBOUND_SERVICE = 0,
	HC_INBOUND_SERVICE = 1,
	HC_FIRST_SERVICE = 2,
};

enum hc_direction {
	HC_OUTBOUND = 0,
	HC_INBOUND = 1,
};
#define HC_BOTH_DIRECTIONS (1u << HC_OUTBOUND | 1u << HC_INBOUND)
/* Stands in the code of on_milestone where the directions are to be written
 * (user/kernel/rewrite.h); left in place, it would be both. */
#define HC_DIRECTIONS_HERE (0x6468630c | HC_BOTH_DIRECTIONS)

/* What identifies a user of a service. A session of a service by label has none yet: until then
 * it is charged to its client, which is a user of a kind of its own. */
enum hc_identify {
	HC_BY_CLIENT = 0,  /* id: remote address, masked to the prefix */
	HC_BY_UID = 1,     /* id: first 4 bytes are the uid */
	HC_BY_CGROUP = 2,  /* id: first 8 bytes are the cgroup v2 id */
	HC_BY_LABEL = 3,   /* id: hash of the label (label.h) */
	HC_UNLABELLED = 4, /* of a user alone, not of a service; id: as HC_BY_CLIENT */
};

/* A session whose owner has closed it, before the kernel is through with it. */
enum hc_orphans {
	HC_ORPHANS_COUNT = 0,
	HC_ORPHANS_IGNORE = 1, /* its slot is free at once */
};

/* What an attempt over the cap gets. Outbound knows the first two alone. */
enum hc_excess {
	HC_REJECT = 0,
	HC_OBSERVE = 1,
	HC_WAIT = 2,     /* its SYN is dropped in silence, and the client sends it again */
	HC_REDIRECT = 3, /* it reaches another listener, which says why */
	HC_EVICT = 4,    /* it waits, for the user's stalest session to make room */
	HC_EXCESS_COUNT,
};

/* In which protocol the daemon itself answers those who are redirected. */
#define HC_ANSWERS(X)                                                                          \
	X(IMAP, "imap")                                                                        \
	X(POP3, "pop3")                                                                        \
	X(SMTP, "smtp")                                                                        \
	X(FTP, "ftp")                                                                          \
	X(HTTP, "http")                                                                        \
	X(REDIS, "redis")                                                                      \
	X(POSTGRESQL, "postgresql")                                                            \
	X(MYSQL, "mysql")                                                                      \
	X(SSH, "ssh")                                                                          \
	X(FILE, "file")
enum hc_answer {
	HC_ANSWER_NONE, /* it does not: an administrator's listener does */
#define X(name, word) HC_ANSWER_##name,
	HC_ANSWERS(X)
#undef X
		HC_ANSWER_COUNT,
};

/* Where excess = redirect leads; all zero: nowhere. */
struct hc_redirect {
	__u8 address[16]; /* of an administrator's listener; all zero: every one, or loopback */
	__u16 port;       /* host order; 0: the daemon's own */
	__u8 answer;      /* enum hc_answer */
	__u8 spare;
	__u16 own; /* of an answer: which listener of the daemon's (attempt.h); 0: there is none
		    */
	__u16 spare2;
};

/* What an attempt gets that finds no unit of the fleet's cap (fleet.h), until the store says
 * whether there is one. */
enum hc_cold {
	HC_COLD_WAIT =
		0, /* its SYN is dropped in silence: when it comes again there may be one */
	HC_COLD_ADMIT = 1, /* it is let in, to be closed if there is none */
};

/* How many sessions a user may hold here while the store is away for longer than a lease. */
enum hc_alone {
	HC_ALONE_LOCAL = 0,  /* cap_alone */
	HC_ALONE_REFUSE = 1, /* none */
	HC_ALONE_ADMIT = 2,  /* as many as in the whole fleet */
	HC_ALONE_CLOSE = 3,  /* none, and user space closes those that are there */
};

#define HC_SHARDS_MAX 16 /* stores, each with a part of the fleet's users */

enum hc_mute {
	HC_MUTE_OPENED = 1, /* and labelled */
	HC_MUTE_CLOSED = 2,
	HC_MUTE_REFUSED = 4,
	HC_MUTE_ALL = 7,
};

/*
 * A user of a service: the key of the user table and of `caps`. Unused bytes
 * are zero, so that keys can be compared and hashed as three 64-bit words.
 */
struct hc_user_key {
	__u16 service;
	__u8 kind;       /* enum hc_identify */
	__u8 prefix;     /* HC_BY_CLIENT, HC_UNLABELLED: bits of `id` that count, 0..128 */
	__u32 elsewhere; /* 1: a session of a namespace that headcount does not enforce in */
	union {
		__u8 id[16];
		__u32 uid;
		__u64 cgroup;
		__u64 word[2];
	};
};

/* One service. `limited` is set by user space when anything (cap, total, an
 * override or a cap of the moment) can refuse a session of it: the gates do no
 * work for a service that is not limited. */
struct hc_service {
	__u32 cap;   /* sessions one user may hold, or HC_UNLIMITED */
	__u32 total; /* sessions all users may hold together, or HC_UNLIMITED */
	__u8 used;
	__u8 identify;
	__u8 excess;
	__u8 limited;
	__u8 prefix4; /* 0..32 */
	__u8 prefix6; /* 0..128 */
	__u16 error;  /* errno that an outbound connect() gets, positive */
	__u8 mute;    /* enum hc_mute: events that are not wanted, and cost nothing */
	__u8 orphans; /* enum hc_orphans */
	__u8 special; /* for user space: an override says more than a cap */
	__u8 holding; /* its excess, or an override's, is neither reject nor observe */
	__u8 listed;  /* HC_BY_LABEL: who may give labels is in the map `labellers`; else */
	__u8 fleet; /* its cap is that of all hosts together (fleet.h), and `holding` is set */
	__u8 cold;  /* enum hc_cold */
	__u8 alone; /* enum hc_alone */
	__u32 labeller_max; /* whose uid is up to this, and those at privileged ports */
	__u32 unlabelled;   /* HC_BY_LABEL: sessions of one client without a label, */
	__u32 login_grace;  /* and for how many seconds: user space closes them. 0: for ever */
	__u32 keepalive;    /* seconds within which a dead peer is found (keepalive.h), or 0 */
	__u32 idle; /* seconds without payload, then user space closes the session; 0: never */
	__u32 wait_max; /* seconds that HC_WAIT and HC_EVICT hold an attempt, then it is refused
			 */
	__u32 evict_idle; /* for user space: HC_EVICT takes sessions idle for so many seconds,
			   */
	__u32 evict_rate; /* and at most so many of a user's in a minute */
	__u32 cap_alone;  /* of a user, for HC_ALONE_LOCAL; 0: its cap / the members, at least 1
			   */
	struct hc_redirect redirect;
	char name[HC_NAME_MAX];
};

/* The one record that switches policies. */
struct hc_control {
	__u32 version;    /* HC_STATE_VERSION */
	__u32 generation; /* moves with every change: caps resolved under another are stale;
			   * its lowest bit is the half of the policy that holds */
	__u32 user_sets;  /* a power of two: sets in the user table */
	__u32 next_id;    /* service ids are not used again before all have been */
	__u64 seed;       /* of the user table's hash, unknown to clients */
	__u64 started_ns; /* CLOCK_MONOTONIC */
	__u64 build;      /* which BPF object runs: only its own build adopts it */
	__u32 netns[2];   /* of each half: a namespace that is enforced, mostly the only one, */
	__u32 netns_cookie[2]; /* and of which cookie: struct hc_namespace */
	__u32 gated;           /* the gates are attached: what is accepted has passed one */
	__u32 ignoring;        /* bits of halves in which a service has HC_ORPHANS_IGNORE */
	__u32 directions;      /* bits of enum hc_direction: which sessions are counted */
	__u32 labelling;       /* bits of halves in which a service has HC_BY_LABEL */
	__u32 spare[2];
	__u64 label_key[2]; /* of the labels' hash, unknown to whoever chooses labels */
};

/* A network namespace in which inbound services are enforced, by its inode number. That is
 * given to another one once it has gone, so the lower 32 bits of its cookie (SO_NETNS_COOKIE),
 * which is not, has to agree, where both are known (not 0). */
struct hc_namespace {
	__u32 halves; /* bit `half`: that half enforces there */
	__u32 cookie;
};

/*
 * How the last reload went. The daemon alone writes it, and user space alone reads it; all of
 * it at once, under its lock. Whoever has asked for a reload waits for one that began after
 * that: for `ended` to exceed what `begun` was before.
 */
#define HC_RELOAD_SAID 8192
enum hc_reload_result {
	HC_RELOAD_DONE = 0, /* or there was no file to read */
	HC_RELOAD_FAILED = 1,
	HC_RELOAD_BAD_FILE = 2, /* the numbers are the exit codes of `headcount reload` */
};

struct hc_reload {
	struct bpf_spin_lock lock;
	__u32 result;  /* enum hc_reload_result */
	__u64 begun;   /* reloads since the maps were made */
	__u64 ended;   /* the number of the last one that has ended */
	__u64 time_ns; /* CLOCK_REALTIME of its end; 0: none since the daemon started */
	char said[HC_RELOAD_SAID]; /* what it said, line by line; the result is the last */
};

/* Ports of one half: index is half * 65536 + port, host order. The value is
 * the service id that listens on the port on every address (0: none), with
 * HC_PORT_BY_ADDRESS where `addresses` has an entry for one address. */
#define HC_PORTS           65536
#define HC_PORT_BY_ADDRESS 0x8000

struct hc_address_key {
	__u8 address[16];
	__u16 port;
	__u16 half;
};

/*
 * A label: the name that a server program gives a session after it has authenticated somebody.
 * 1 to HC_LABEL_MAX bytes, none of them NUL, and zeros after them. Outsiders choose them.
 */
#define HC_LABEL_MAX 64
#define HC_SOL       0x6863 /* SOL_HEADCOUNT and HEADCOUNT_LABEL of headcount.h */
#define HC_SO_LABEL  1
struct hc_label {
	union {
		char text[HC_LABEL_MAX];
		__u64 word[HC_LABEL_MAX / 8];
	};
};

/* An account whose listening sockets may give their sessions labels: `labellers =` of a service
 * by label. */
struct hc_labeller_key {
	__u16 half;
	__u16 service;
	__u32 uid;
};

/* Labels of a service that were not taken, as the socket was of another account; the last's. */
struct hc_stranger {
	__u64 count;
	__u32 uid;
	__u16 port;
	__u16 spare;
};

/* A user's cap of the moment (`headcount cap`), above every override. Only `cap` is the
 * kernel's business; who set it, and when, is told to people. */
struct hc_cap {
	__u32 cap;
	__u32 asker;  /* the login uid of whoever set it, or without one the real uid */
	__u64 set_ns; /* CLOCK_REALTIME */
	struct hc_label label; /* the user's, if it has one: it may have no record */
};

/*
 * Longest-prefix key of an override. `prefixlen` counts from `half`:
 * HC_OVERRIDE_BITS + the bits of `id`; uid and cgroup are exact (128).
 */
struct hc_override_key {
	__u32 prefixlen;
	__u16 half;
	__u16 service;
	__u8 id[16];
};
#define HC_OVERRIDE_BITS 32

struct hc_override {
	__u32 cap;
	__u32 traits; /* enum hc_traits */
	__u32 idle; /* seconds, as in struct hc_service; HC_UNLIMITED: never; 0: as that has */
	__u32 spare;
};

/* What else an override says of its users. */
enum hc_traits {
	HC_EXEMPT = 1, /* takes no slot of the service's total, and is not refused by it */
	HC_EXCESS_SHIFT = 1,
	HC_EXCESS_MASK = 7 << HC_EXCESS_SHIFT, /* 0: the service's; else 1 + enum hc_excess */
	/* Of a user's record alone: its cap is that of the fleet, and its units bound it here.
	 */
	HC_OF_FLEET = 16,
};
#define HC_TRAITS_EXCESS(excess) (((excess) + 1u) << HC_EXCESS_SHIFT)

/* What an excess of a user with these traits gets. */
static inline enum hc_excess hc_excess_of(const struct hc_service *service, __u32 traits)
{
	__u32 own = (traits & HC_EXCESS_MASK) >> HC_EXCESS_SHIFT;

	return (enum hc_excess)(own ? own - 1 : service->excess);
}

/* Of a label, or of all that begin alike: HC_OVERRIDE_BITS + the bits of `label` that count. */
struct hc_label_override_key {
	__u32 prefixlen;
	__u16 half;
	__u16 service;
	struct hc_label label;
};

/* Which session a socket is, as far as a program on setsockopt() knows sockets. */
struct hc_label_socket {
	__u8 local[16];
	__u8 remote[16];
	__u16 local_port; /* host order */
	__u16 remote_port;
	__u32 netns_cookie; /* its lower 32 bits */
};

/* The session of such a socket. */
struct hc_labelling {
	__u64 id;        /* of the session */
	__u64 opened_ns; /* CLOCK_MONOTONIC */
	__u32 netns;     /* inode number */
	__u32 settled;   /* it has its label, or is not to be closed for having none */
};

/* One listening socket's owner, keyed by where it listens. */
struct hc_listener_key {
	__u8 address[16]; /* all zero: any address of either family */
	__u32 netns;      /* inode number of the network namespace */
	__u16 port;
	__u16 spare;
};

/* A listening socket: where it listens, and whether its namespace was not enforced when it
 * began. The number of those is limited, so that they cannot crowd out the others. */
struct hc_listening {
	struct hc_listener_key key;
	__u32 elsewhere;
};

/* At what kinds of address anybody has listened on a port since the start: the
 * bits spare the look-ups that would find nothing. Above them it is counted how often the
 * listeners of the port have changed, so that what was found stays known until then. */
enum hc_listen_kinds {
	HC_LISTEN_ADDRESS = 1, /* one address */
	HC_LISTEN_IPV4 = 2,    /* 0.0.0.0 */
	HC_LISTEN_ANY = 4,     /* [::] */
	HC_LISTEN_CHANGE = 8,
};

struct hc_listener {
	__u64 cgroup;
	__u32 uid;
	__u32 pid;                 /* thread group; 0: not known yet */
	struct bpf_spin_lock lock; /* of the next two */
	__u32 sockets;             /* SO_REUSEPORT: how many listen there */
	__u32 dead;                /* the last has gone: the entry is being deleted */
	__u32 privileged;          /* not everybody could have listened there */
	char comm[HC_COMM_MAX];
};

#define HC_STATIC_ASSERT(what) _Static_assert(what, #what)
HC_STATIC_ASSERT(sizeof(struct hc_user_key) == 24);
HC_STATIC_ASSERT(sizeof(struct hc_service) == 116);
HC_STATIC_ASSERT(sizeof(struct hc_override_key) == 24);
HC_STATIC_ASSERT(sizeof(struct hc_control) == 96);
HC_STATIC_ASSERT(sizeof(struct hc_label) == HC_LABEL_MAX);
HC_STATIC_ASSERT(sizeof(struct hc_labeller_key) == 8);
HC_STATIC_ASSERT(sizeof(struct hc_label_override_key) == 72);
HC_STATIC_ASSERT(sizeof(struct hc_label_socket) == 40);

#endif
