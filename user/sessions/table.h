/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HEADCOUNT_SESSION_TABLE_H
#define HEADCOUNT_SESSION_TABLE_H

#include "user/sessions/list.h"

/* Prints a row a session to stdout, or a JSON array. Prints the error. */
int session_table_print(const struct session_list *list, const struct policy *policy,
			bool json);

#endif
