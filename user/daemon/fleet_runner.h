/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A process that runs commands for other hosts of the fleet: `run` has given up what they take
 * (CAP_SYS_ADMIN, to enter namespaces). It was forked before that, has nothing open but the way
 * to `run`, and hears of no bytes that came from the store but of a request that was
 * understood, which it checks again. Each command is a child of it, with what it prints going
 * to `run`, and ends after ASK_WORK_SECONDS. The process ends as soon as `run` does, however
 * that ends.
 */
#ifndef HEADCOUNT_FLEET_RUNNER_H
#define HEADCOUNT_FLEET_RUNNER_H

#include "user/fleet/ask.h"

#define FLEET_RUNNER_NAME "headcount-asked" /* in ps(1) */

/* Does what a request asks for, in a process of its own, as the command itself would; `asker`
 * is the number of who asks (askers.h). Returns the exit code. */
typedef int (*fleet_command)(const struct fleet_request *request, __u16 asker);

struct fleet_runner;

/* While there is one thread, and before privileges are given up. `*runner` is the caller's,
 * whatever happens. Returns 0, or a negative errno after the printed error. */
int fleet_runner_start(struct fleet_runner **runner, fleet_command command);

/* Begins to run one. It writes to `fds`, which stay the caller's: what it prints, and behind
 * that one byte, its exit code; what it says. Returns 0 or a negative errno. */
int fleet_runner_ask(struct fleet_runner *runner, const struct fleet_request *request,
		     __u16 asker, const int fds[2]);

/* Takes NULL. A command that is being run goes on. */
void fleet_runner_end(struct fleet_runner *runner);

#endif
