/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * For server programs, in C and C++: names the user of a TCP session that they have accepted,
 * once they know who it is. In a service with `user = label` (headcount.conf(5)) the session is
 * then charged to that name.
 *
 *	if (headcount_label(fd, name, strlen(name)) == -EDQUOT)
 *		... say that this user has too many sessions, and close it ...
 *
 * Other languages call setsockopt(fd, 0x6863, 1, name, length) themselves. Every program may do
 * so on every socket: without headcount it does nothing.
 *
 * Of headcount this file alone may also be used under the MIT licence, so that servers of any
 * licence can include it.
 */
#ifndef HEADCOUNT_H
#define HEADCOUNT_H

#define SOL_HEADCOUNT       0x6863 /* the level of setsockopt(2) */
#define HEADCOUNT_LABEL     1      /* its option: the name, without a NUL at the end */
#define HEADCOUNT_LABEL_MAX 64     /* bytes */

#ifndef __bpf__
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>

/*
 * Returns 0 if the session is charged to that name now, or if nobody counts it: headcount is
 * not there, or has no service with `user = label` for it, or `fd` is a socket of another
 * kind. Else a negative errno, and nothing has changed:
 *	-EDQUOT		the user, or the service, has as many sessions as it may
 *	-EAGAIN		the same, but room is being made (excess = evict): try again,
 *			100 ms later, and after a second or two take it for -EDQUOT
 *	-EINVAL		the name is empty
 *	-EMSGSIZE	the name is longer than HEADCOUNT_LABEL_MAX bytes
 *	-EPERM		the session has another name, or the server's account is not
 *			among the service's `labellers`, and the caller lacks
 *			CAP_NET_ADMIN
 */
static inline int headcount_label(int fd, const char *name, size_t length)
{
	/* Not cut by the narrower type: one byte too many is as bad as more. */
	size_t told = length <= HEADCOUNT_LABEL_MAX ? length : HEADCOUNT_LABEL_MAX + 1;

	if (setsockopt(fd, SOL_HEADCOUNT, HEADCOUNT_LABEL, name, (socklen_t)told) == 0)
		return 0;
	return errno == ENOPROTOOPT || errno == EOPNOTSUPP ? 0 : -errno;
}

/*
 * The same for whoever may wait: tries again every 100 ms while room is being made, for about
 * `ms` milliseconds, and never returns -EAGAIN.
 */
static inline int headcount_label_wait(int fd, const char *name, size_t length, unsigned int ms)
{
	int error = headcount_label(fd, name, length);

	for (; error == -EAGAIN && ms >= 100; ms -= 100) {
		poll(NULL, 0, 100);
		error = headcount_label(fd, name, length);
	}
	return error == -EAGAIN ? -EDQUOT : error;
}
#endif

#endif
