/* SPDX-License-Identifier: GPL-2.0-only */
/* Which users the page names: few, whatever there is. Pure. */
#ifndef HEADCOUNT_WEB_USERS_H
#define HEADCOUNT_WEB_USERS_H

#include <stddef.h>
#include "user_table.h"

#define WEB_USERS 40

struct web_users {
	size_t count;   /* all there are */
	size_t pressed; /* near their cap, or refused in the last hour */
	size_t shown;
	struct hc_user items[WEB_USERS]; /* the pressed ones first, nearest to their cap; then
					  * those with the most sessions */
	/* By service: sessions, users with sessions, and those of them at their cap. */
	__u64 active[HC_SERVICES_MAX];
	__u32 holders[HC_SERVICES_MAX], full[HC_SERVICES_MAX];
};

/* One user more; `now_ns` is CLOCK_MONOTONIC, and its cap the one in force. */
void web_users_add(struct web_users *users, const struct hc_user *user, __u64 now_ns);

/* Milliseconds since it was last refused, or WHY_UNKNOWN. */
__u64 web_user_refused_ms(const struct hc_user *user, __u64 now_ns);

#endif
