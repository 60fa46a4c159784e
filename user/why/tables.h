/* SPDX-License-Identifier: GPL-2.0-only */
/* What holds a user's slots, as tables: a few rows for a person, with `json` all of them. */
#ifndef HEADCOUNT_WHY_TABLES_H
#define HEADCOUNT_WHY_TABLES_H

#include <stdio.h>

#include "user/why/facts.h"

/* Each prints to stdout and returns 0 or -ENOMEM. After why_find(). */
int why_print_clients(const struct why_facts *facts, bool json);
int why_print_processes(const struct why_facts *facts, bool json);
int why_print_times(const struct why_facts *facts, bool json);
int why_print_unused(const struct why_facts *facts, bool json); /* and by what evidence */

#endif
