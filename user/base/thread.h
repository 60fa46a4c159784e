/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HEADCOUNT_THREAD_H
#define HEADCOUNT_THREAD_H

#include <pthread.h>

/* Starts a thread that has all signals blocked: those are the main thread's. Returns 0 or a
 * negative errno, and prints nothing. */
int thread_start(pthread_t *thread, void *(*work)(void *context), void *context);

#endif
