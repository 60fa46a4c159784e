// SPDX-License-Identifier: GPL-2.0-only
#include <signal.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#include "user/daemon/signals.h"

volatile sig_atomic_t signals_stop_asked;

static void on_signal(int signal)
{
	/* Alone it is the watchdog's, and only interrupts. */
	if (signal != SIGALRM)
		signals_stop_asked = 1;
	/* A signal that comes just before a write to a full pipe would not interrupt
	 * it; the alarm comes again until we have ended. */
	if (signals_stop_asked)
		alarm(1);
}

static sigset_t hangup(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	return set;
}

static void block_hangup(void)
{
	sigset_t set = hangup();

	sigprocmask(SIG_BLOCK, &set, NULL);
}

bool signals_reload_asked(void)
{
	sigset_t set = hangup();

	return sigtimedwait(&set, NULL, &(struct timespec){}) == SIGHUP;
}

void signals_catch(bool reloads)
{
	struct sigaction action = {.sa_handler = on_signal}, before = {};

	/* No SA_RESTART: a poll or a write to a full pipe is to be interrupted. */
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGALRM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	/* `trace` ends with the terminal, but not under nohup. */
	sigaction(SIGHUP, NULL, &before);
	if (reloads || before.sa_handler != SIG_IGN)
		sigaction(SIGHUP, &action, NULL);
	/* It waits for the loop: whoever repeats it must not interrupt the walks of a reload.
	 */
	if (reloads)
		block_hangup();
}
