/* SPDX-License-Identifier: GPL-2.0-only */
/* Reads the facts: sessions, user records, caps. */
#ifndef HEADCOUNT_WHY_GATHER_H
#define HEADCOUNT_WHY_GATHER_H

#include "user/kernel/fleet_record.h"
#include "user/kernel/policy_view.h"
#include "user/sessions/list.h"
#include "user/why/facts.h"

/* Everything of one moment, of all users. */
struct why_host {
	const struct headcount_bpf *object;
	struct policy_view *view;
	struct session_list list; /* its rows by user */
	struct state_user *users; /* most sessions first */
	size_t user_count;
	struct service_total *totals;  /* by service id */
	struct why_labelled *labelled; /* addresses of sessions with a label, and whose */
	size_t labelled_count;
	struct hc_fleet_status *fleet;
	__u64 now_ns;
};

/* `object` was loaded with LOAD_WALK_SOCKETS | LOAD_WALK_FILES, and outlives it. Prints the
 * error; to be freed in any case. */
int why_host_read(const struct headcount_bpf *object, struct why_host *host);
void why_host_free(struct why_host *host);

/* At the cap or close to it, or refused lately: why_is_pressed(). */
bool why_user_is_pressed(const struct why_host *host, const struct hc_user *user);

/* The facts of one of host->users. NULL after the printed error. */
struct why_facts *why_facts_read(const struct why_host *host, const struct hc_user *user);
void why_facts_free(struct why_facts *facts);

#endif
