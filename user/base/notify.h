/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Notifications to systemd (sd_notify): each does nothing if no NOTIFY_SOCKET is set. To be
 * called by the main thread only.
 */
#ifndef HEADCOUNT_NOTIFY_H
#define HEADCOUNT_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>

/* Does anybody listen? */
bool notify_wanted(void);

/* Lines as in sd_notify(3): "READY=1\nSTATUS=..." */
void notify(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A reload begins; "READY=1" ends it. */
void notify_reloading(void);

/*
 * The watchdog. From notify_watch() on a SIGALRM comes at every beat, so that no system
 * call outlasts one. notify_alive() tells that we are alive if it is time to. Two places
 * call it: the main loop, and the wait for a slow reader of our output, which is no hang.
 */
void notify_watch(void);
void notify_alive(void);

#endif
