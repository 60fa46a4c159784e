/* SPDX-License-Identifier: GPL-2.0-only */
/* A user's facts, findings and advice, for people and for scripts. */
#ifndef HEADCOUNT_WHY_PRINT_H
#define HEADCOUNT_WHY_PRINT_H

#include "user/why/advise.h"

/* Each prints to stdout and returns 0 or -ENOMEM. */
int why_print_text(const struct why_facts *facts, const struct why_limits *limits,
		   const struct why_report *report, const struct why_advice *advice);
int why_print_json(const struct why_facts *facts, const struct why_limits *limits,
		   const struct why_report *report, const struct why_advice *advice);

/* A finding as a sentence without a full stop; what outsiders chose is escaped. The text is the
 * caller's to free, or NULL. */
char *why_sentence(const struct why_finding *finding, const struct why_facts *facts,
		   const struct why_limits *limits);

#endif
