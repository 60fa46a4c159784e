/* SPDX-License-Identifier: GPL-2.0-only */
/* One connection's socket. Nothing here blocks. */
#ifndef HEADCOUNT_ANSWER_CONNECTION_H
#define HEADCOUNT_ANSWER_CONNECTION_H

#include "user/answer/crowd.h"

/* Writes and reads what can be; false: it is at its end. */
bool connection_go_on(struct connection *connection);

#endif
