/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HEADCOUNT_ANSWER_LIMITS_H
#define HEADCOUNT_ANSWER_LIMITS_H

/* Clients that are answered at once, and for how long each. */
#define ANSWERS_MAX     1000
#define ANSWERS_SECONDS 2

/* Files that are open besides the listeners: connections, and what the thread waits by. */
#define ANSWERS_FILES (ANSWERS_MAX + 4)

#endif
