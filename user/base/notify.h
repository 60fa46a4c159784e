/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What systemd is told of us (sd_notify): each does nothing where nobody asked to be
 * told. To be called by the main thread only.
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
 * call outlasts one. notify_alive() tells that we are alive if it is time to. It is for
 * two places: the turn of the main loop, and the wait for a slow reader of our output,
 * who is to blame for it himself.
 */
void notify_watch(void);
void notify_alive(void);

#endif
