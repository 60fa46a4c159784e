/* SPDX-License-Identifier: GPL-2.0-only */
/* The fleet in page.json: this host's part in it, and a store for each shard. */
#ifndef HEADCOUNT_WEB_JSON_FLEET_H
#define HEADCOUNT_WEB_JSON_FLEET_H

#include <stdio.h>

#include "fleet_status.h"

/* Behind another member; null: there is no fleet. */
void json_fleet_print(FILE *out, const struct hc_fleet_status *fleet);

#endif
