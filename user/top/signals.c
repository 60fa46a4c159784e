// SPDX-License-Identifier: GPL-2.0-only
#include <signal.h>
#include <stdio.h>

#include "user/top/top.h"

volatile sig_atomic_t top_stop_asked;

static void on_stop(int signal)
{
	(void)signal;
	top_stop_asked = 1;
}

/* The terminal is put in order even then. The signal goes on when we return. */
static void on_abort(int signal)
{
	(void)signal;
	top_terminal_close();
	fprintf(stderr, "headcount: %s\n", top_heard());
}

void top_catch_signals(sigset_t *asleep)
{
	struct sigaction stop = {.sa_handler = on_stop};
	struct sigaction gone = {.sa_handler = on_abort, .sa_flags = SA_RESETHAND};
	sigset_t blocked;

	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGHUP, &stop, NULL);
	sigaction(SIGABRT, &gone, NULL);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGINT);
	sigaddset(&blocked, SIGTERM);
	sigaddset(&blocked, SIGHUP);
	sigaddset(&blocked, SIGWINCH);
	sigprocmask(SIG_BLOCK, &blocked, asleep);
}
