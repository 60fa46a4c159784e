/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sessions that headcount tracks, as the kernel has them now: what `sessions`
 * lists and `kill` closes, chosen by the same conditions.
 */
#ifndef HEADCOUNT_SESSION_LIST_H
#define HEADCOUNT_SESSION_LIST_H

#include "policy_user.h"
#include "state.h"
#include "walk.h"

/* Conditions, all of which must hold. All zero but for service = -1: every session. */
struct session_filter {
	int service;      /* its id, or -1 */
	const char *user; /* NULL: any */
	/* The same, as services have it whose users can be written so: session_filter_user().
	 * Of others (a cgroup that is gone, say) the text counts. */
	bool known[HC_SERVICES_MAX];
	struct hc_user_key users[HC_SERVICES_MAX];
	__u64 idle_ms; /* at least: since data was last sent or received */
	__u64 age_ms;  /* at least */
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
	/* What they point into. */
	struct walk_sockets found;
	struct state_session *records;
};

/* Reads those that meet the conditions. `object` was loaded with LOAD_WALK_SOCKETS.
 * Prints the error and returns a negative errno; free the list in any case. */
int session_list_read(const struct headcount_bpf *object, const struct session_filter *filter,
		      struct session_list *list);
void session_list_free(struct session_list *list);

/* Sets the service by its name; NULL is any. Prints the error: there is none of that name. */
int session_filter_service(struct session_filter *filter, const struct policy *policy,
			   const char *name);

/* Finds out whom filter->user means; by an address of a prefix that is one user, too, unless
 * it has to be `exact`. Prints the error: he can be no user of the service, or of any. After
 * session_filter_service(). */
int session_filter_user(struct session_filter *filter, const struct policy *policy, bool exact);

/* Sorts `ids`, which are to outlive the filter, and sets them. */
void session_filter_ids(struct session_filter *filter, __u64 *ids, size_t count);

/* Is there any condition? */
bool session_filter_chooses(const struct session_filter *filter);

/* Does the session meet them? `now_ns` is CLOCK_MONOTONIC. */
bool session_matches(const struct session_filter *filter, const struct session_row *row,
		     __u64 now_ns);

#endif
