// SPDX-License-Identifier: GPL-2.0-only
#include <signal.h>

#include "user/base/thread.h"

int thread_start(pthread_t *thread, void *(*work)(void *context), void *context)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(thread, NULL, work, context);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -error;
}
