/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HEADCOUNT_SIGNALS_H
#define HEADCOUNT_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

/* Installs the signal handlers; before anything slow. SIGHUP reloads, or else ends. */
void signals_catch(bool reloads);

/* SIGINT or SIGTERM has come. */
extern volatile sig_atomic_t signals_stop_asked;

/* Has a SIGHUP come since the last look? */
bool signals_reload_asked(void);

#endif
