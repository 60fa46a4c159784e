/* SPDX-License-Identifier: GPL-2.0-only */
/* All that the page tells, in numbers, and read from the kernel's maps. */
#ifndef HEADCOUNT_WEB_FACTS_H
#define HEADCOUNT_WEB_FACTS_H

#include <sys/utsname.h>

#include "fleet_status.h"
#include "user/kernel/fill.h"
#include "user/kernel/walk.h"
#include "user/web/history.h"
#include "user/web/users.h"
#include "loss.h"

#define WEB_STALE 40

/* What is dear is read more rarely, and its age told. */
struct web_read {
	__u64 at_ns;   /* CLOCK_MONOTONIC of the last time, 0: not yet */
	__u64 next_ns; /* not again before that */
	bool failed;
};

struct web_stale {
	size_t count; /* all there are */
	size_t shown;
	struct hc_socket items[WEB_STALE]; /* those that were heard longest ago */
};

struct web_facts {
	__u64 now_ns; /* CLOCK_MONOTONIC */
	struct utsname system;
	struct policy policy;
	struct hc_counters counters[HC_SERVICES_MAX];
	__u64 losses[HC_LOSS_COUNT];
	struct fill_row fill[FILL_COUNT]; /* read with the users */
	struct hc_reload reload;
	struct hc_fleet_status fleet;
	unsigned int programs; /* attached */
	struct web_read users_read;
	struct web_users users;
	bool stale_known; /* somebody can look for them */
	struct web_read stale_read;
	struct web_stale stale;
	struct history history;
};

#endif
