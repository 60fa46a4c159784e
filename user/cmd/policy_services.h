/* SPDX-License-Identifier: GPL-2.0-only */
/* What `policy` shows of the services. */
#ifndef HEADCOUNT_POLICY_SERVICES_H
#define HEADCOUNT_POLICY_SERVICES_H

#include "user/kernel/policy_view.h"
#include "user/kernel/totals_maps.h"

struct table;

/* A row for each, in the order of their ids; totals: one for each id. NULL: no memory. The
 * caller frees it. */
struct table *policy_services_table(const struct policy_view *view,
				    const struct service_total *totals);

#endif
