/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HEADCOUNT_EXPLAIN_H
#define HEADCOUNT_EXPLAIN_H

#include "user/base/table.h"
#include "user/config/config.h"

/* Prints what a configuration means, for `run --check`. `path` may be NULL. */
void explain(const struct config *config, const char *path);

/* A cell; empty if there is no limit. */
void explain_limit(struct table *table, __u32 limit);

/* A cell: a time, or none if it is 0. */
void explain_seconds(struct table *table, __u32 seconds);

/* Three cells of an override: the total, idle, the excess. And the last alone; NULL: none. */
void explain_traits(struct table *table, __u32 traits, __u32 idle);
const char *explain_excess(__u32 traits);

/* Four cells: what a user of the service is, its cap, its total, its excess. */
void explain_limits(struct table *table, const struct hc_service *service);

#endif
