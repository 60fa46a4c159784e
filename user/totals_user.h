/* SPDX-License-Identifier: GPL-2.0-only */
/* What happened in each service, of all CPUs together. */
#ifndef HEADCOUNT_TOTALS_USER_H
#define HEADCOUNT_TOTALS_USER_H

#include "load.h"
#include "totals.h"

/* `totals` has a place for each of the HC_SERVICES_MAX ids. Prints errors. */
int totals_read(const struct headcount_bpf *object, struct hc_totals *totals);

/* A new service is about to get this id: nothing has happened in it. */
int totals_clear(const struct headcount_bpf *object, __u32 id);

#endif
