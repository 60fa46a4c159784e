/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HEADCOUNT_METRICS_PAGE_FLEET_H
#define HEADCOUNT_METRICS_PAGE_FLEET_H

#include "user/metrics/sample.h"

/* Of the fleet: without one they have no samples. */
const struct family *page_fleet_families(size_t *count);

#endif
