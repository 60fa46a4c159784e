// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/kernel/losses.h"
#include "user/kernel/open.h"
#include "user/kernel/pins.h"
#include "user/kernel/totals_maps.h"
#include "user/top/top.h"

static char heard[TOP_LINE];

void top_hear(const char *line)
{
	snprintf(heard, sizeof(heard), "%s", line);
}

const char *top_heard(void)
{
	return heard;
}

/* The maps that we read are those of the headcount that runs now; after a restart they
 * are others. */
static int find_maps(struct top *top)
{
	top->pid = pins_holder();
	top->pinned = pins_have_links();
	if (top->object && (top->pid || top->pinned) && pins_are_of(top->object))
		return 0;
	headcount_bpf__destroy(top->object);
	top->object = NULL;
	top->rates = (struct top_rates){};
	users_caps_free(&top->caps);
	return open_maps(&top->object, LOAD_WALK_SOCKETS | LOAD_WALK_FILES | LOAD_KILL);
}

static int read_policy(struct top *top, int *service)
{
	char before[HC_NAME_MAX];
	__u16 id = top->sessions.user.service;
	int error;

	memcpy(before, top->policy.services[id].name, sizeof(before));
	error = policy_read(top->object, &top->policy);
	*service = -1;
	if (error)
		return error;
	top->services = 0;
	for (int i = 0; i < HC_SERVICES_MAX; i++)
		top->services += top->policy.services[i].used;
	/* It may be gone, and after a restart another service may have its id. */
	if (top->view == TOP_SESSIONS &&
	    (!top->policy.services[id].used || strcmp(before, top->policy.services[id].name))) {
		top->view = TOP_USERS;
		top->mode = TOP_BROWSING;
	}
	if (!top->service)
		return 0;
	*service = policy_find(&top->policy, top->service);
	return *service < 0 ? hc_error("no service %s is in force", top->service) : 0;
}

static int read_rates(struct top *top, int service)
{
	struct top_counts counts = {};
	struct hc_counters *counters;
	int error = counters_read_new(top->object, &counters);

	for (int id = 0; id < HC_SERVICES_MAX && !error; id++) {
		if (service >= 0 && id != service)
			continue;
		counts.opened += counters[id].opened;
		for (int i = 0; i < HC_END_COUNT; i++)
			counts.closed += counters[id].closed[i];
		for (int i = 0; i < HC_SCOPE_COUNT; i++)
			counts.refused += counters_refused(&counters[id], i);
	}
	if (!error)
		top_rates_update(&top->rates, &counts, clock_monotonic_ns());
	free(counters);
	return error;
}

static int read_users(struct top *top, int service)
{
	struct state_user *users;
	size_t count;
	int error = users_view_read_again(top->object, &top->policy, service, &top->caps,
					  &users, &count);

	return error ?: top_users_take(&top->users, &top->policy, users, count);
}

static int read_sessions(struct top *top)
{
	struct session_filter filter = {.service = top->sessions.user.service};
	struct session_list list;
	int error = session_list_read(top->object, &filter, &list);

	error = error ?: session_list_hold(&list, top->object);

	if (!error) {
		top_sessions_begin(&top->sessions);
		for (size_t i = 0; i < list.count; i++)
			top_sessions_offer(&top->sessions, &list.rows[i], &list.holders);
		error = top_sessions_arrange(&top->sessions);
	}
	session_list_free(&list);
	return error;
}

int top_read(struct top *top)
{
	__u64 start = clock_monotonic_ns(), used = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	int service, error = find_maps(top);

	error = error ?: read_policy(top, &service);
	error = error ?: losses_read(top->object, top->losses);
	error = error ?: read_rates(top, service);
	error = error ?: read_users(top, service);
	if (!error && top->view == TOP_SESSIONS)
		error = read_sessions(top);
	snprintf(top->trouble, sizeof(top->trouble), "%s", error ? heard : "");
	if (!error)
		top->read_ns = start;
	top->took_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - used;
	top->stale = false;
	return error;
}
