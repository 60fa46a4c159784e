/* SPDX-License-Identifier: GPL-2.0-only */
/* Finds what is valid in a configuration but may not be meant. */
#ifndef HEADCOUNT_ADVISE_H
#define HEADCOUNT_ADVISE_H

#include "user/config/config.h"

/* Prints a line for each such thing. */
void advise(const struct config *config);

#endif
