/* SPDX-License-Identifier: GPL-2.0-only */
/* What `status` tells of the fleet. */
#ifndef HEADCOUNT_STATUS_FLEET_H
#define HEADCOUNT_STATUS_FLEET_H

#include <stdbool.h>

#include "fleet_status.h"

/* Nothing, if there is no fleet; `running`: the daemon is there. */
void status_fleet_text(const struct hc_fleet_status *fleet, bool running);

/* A member of an object, after others: an object, or null; `redact`: without names of hosts and
 * servers. */
void status_fleet_json(const struct hc_fleet_status *fleet, bool redact);

#endif
