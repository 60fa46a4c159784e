/* SPDX-License-Identifier: GPL-2.0-only */
/* What is correct in a configuration and still may not be what was meant. */
#ifndef HEADCOUNT_ADVISE_H
#define HEADCOUNT_ADVISE_H

#include "user/config/config.h"

/* Prints a line for each such thing. */
void advise(const struct config *config);

#endif
