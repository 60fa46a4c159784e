/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sessions that headcount tracks, as the kernel has them now: what `sessions`
 * lists and `kill` closes, chosen by the same conditions.
 */
#ifndef HEADCOUNT_SESSION_LIST_H
#define HEADCOUNT_SESSION_LIST_H

#include "user/kernel/policy_maps.h"
#include "user/kernel/state.h"
#include "user/kernel/walk.h"
#include "user/sessions/holders.h"

/* Conditions, all of which must hold. All zero but for service = -1: every session. */
struct session_filter {
	int service;      /* its id, or -1 */
	const char *user; /* NULL: any */
	/* The same, as services have it whose users can be written so: session_filter_user().
	 * Of others (a cgroup that is gone, say) the text counts. */
	bool known[HC_SERVICES_MAX];
	struct hc_user_key users[HC_SERVICES_MAX];
	__u64 idle_ms;    /* at least: since data was last received, or sent anew */
	__u64 unheard_ms; /* at least: since anything came from the peer */
	__u64 age_ms;     /* at least */
	__u32 states;     /* bits of the kernel's numbers, or 0 */
	bool orphan;      /* no process has it any more */
	bool stale;       /* its peer is dead, by evidence: stale.h */
	bool by_remote;
	__u8 remote[16]; /* the peer's address, by its first so many bits */
	unsigned int remote_bits;
	const __u64 *ids; /* any of these, sorted; or none at all */
	size_t id_count;
};

struct session_row {
	__u64 id;
	const struct hc_session *session;
	const struct hc_socket *socket; /* NULL: in a namespace that nobody can enter */
};

struct session_list {
	struct session_row *rows; /* by id; those without a socket come last */
	size_t count;
	struct holders holders; /* if session_list_hold() read them */
	/* What the rows point into. */
	struct walk_sockets found;
	struct state_session *records;
	size_t record_count;
};

/* Reads those that meet the conditions. `object` was loaded with LOAD_WALK_SOCKETS.
 * Prints the error and returns a negative errno; free the list in any case. */
int session_list_read(const struct headcount_bpf *object, const struct session_filter *filter,
		      struct session_list *list);
void session_list_free(struct session_list *list);

/* Reads who has them, if there are any: holders_read(). Prints the error. */
int session_list_hold(struct session_list *list, const struct headcount_bpf *object);

/* Both, side by side: for lists that may be long, of which each walk takes its time. */
int session_list_read_held(const struct headcount_bpf *object,
			   const struct session_filter *filter, struct session_list *list);

/* In which order: a number for a name, or -1. The rows are read in that of their ids. */
int session_order_find(const char *name);
void session_list_sort(struct session_list *list, const struct policy *policy, int order);
#define SESSION_ORDERS "id, service, user, opened, age, idle, heard, rx, tx or rtt"

/* Sets the service by its name; NULL is any. Prints the error: there is none of that name. */
int session_filter_service(struct session_filter *filter, const struct policy *policy,
			   const char *name);

/* What filter->user is taken for. */
enum session_user {
	SESSION_USER_HAS,    /* an address stands for the user that has it */
	SESSION_USER_IS,     /* for a user, of whatever service */
	SESSION_USER_AGREED, /* and in no other service for a part of one */
};

/* Finds out whom filter->user means. Prints the error: he can be no user of the service, or of
 * any. After session_filter_service(). */
int session_filter_user(struct session_filter *filter, const struct policy *policy,
			enum session_user means);

/* Sorts `ids`, which are to outlive the filter, and sets them. */
void session_filter_ids(struct session_filter *filter, __u64 *ids, size_t count);

/* Is there any condition? */
bool session_filter_chooses(const struct session_filter *filter);

/* Since payload was received, or sent for the first time. */
__u64 session_idle_ms(const struct hc_socket *socket);

/* Since the peer was heard. False: it never was. */
bool session_heard_ms(const struct hc_socket *socket, __u64 *ms);

/* How long the peer may be silent before the kernel's probes end the session, were nothing in
 * flight; 0: for ever. */
__u64 session_keepalive_ms(const struct hc_socket *socket);

/* Does the session meet them? `now_ns` is CLOCK_MONOTONIC. */
bool session_matches(const struct session_filter *filter, const struct session_row *row,
		     __u64 now_ns);

#endif
