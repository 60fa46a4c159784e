/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HEADCOUNT_EXPLAIN_H
#define HEADCOUNT_EXPLAIN_H

#include "config.h"

/* Prints what a configuration means, for `run --check`. `path` may be NULL. */
void explain(const struct config *config, const char *path);

#endif
