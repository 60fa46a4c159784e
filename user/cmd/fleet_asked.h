/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HEADCOUNT_CMD_FLEET_ASKED_H
#define HEADCOUNT_CMD_FLEET_ASKED_H

#include "user/fleet/request.h"

/* Runs what another host asks for: a fleet_command of daemon/fleet_runner.h. */
int fleet_run_asked(const struct fleet_request *request, __u16 asker);

#endif
