/* SPDX-License-Identifier: GPL-2.0-only */
/* What the processes beside `run` begin with. */
#ifndef HEADCOUNT_BESIDE_H
#define HEADCOUNT_BESIDE_H

/* Of a process that was just forked: it is called `name` in ps(1), ends when `run` has and not
 * by its signals, and holds nothing that `run` has opened but `way`. Returns that, or a
 * negative errno. */
int beside_begin(int way, const char *name);

#endif
