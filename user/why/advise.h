/* SPDX-License-Identifier: GPL-2.0-only */
/* What would help: a command that can be run now, or a line of configuration. Pure. */
#ifndef HEADCOUNT_WHY_ADVISE_H
#define HEADCOUNT_WHY_ADVISE_H

#include "user/base/put.h"
#include "user/why/find.h"

#define WHY_WORDS  12
#define WHY_OFFERS 10

struct why_offer {
	enum why_kind kind;              /* the finding that it is for */
	int argc;                        /* 0: a line of configuration */
	const char *argv[WHY_WORDS + 1]; /* into this offer, the facts, and constants */
	const char *note;                /* what to mind, or NULL */
	char duration[24], address[ADDRESS_TEXT], number[24];
	char line[HC_USER_TEXT + 64]; /* of the service's section */
};

struct why_advice {
	struct why_offer offers[WHY_OFFERS];
	size_t count;
};

/* What helps most comes first. The facts are to outlive it. */
void why_advise(const struct why_facts *facts, const struct why_limits *limits,
		const struct why_report *report, struct why_advice *advice);

/* The command as a shell takes it, with quotes around what it would take for its own. The text
 * is the caller's to free, or NULL. */
char *why_offer_command(const struct why_offer *offer);

#endif
