// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "user/daemon/beside.h"

/* Nothing that we open or hold keeps anything of `run` alive: its locks, links, pipes. */
static int let_go(int way)
{
	int null = open("/dev/null", O_RDWR);

	if (null < 0)
		return -errno;
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
	if (way > STDERR_FILENO + 1)
		close_range(STDERR_FILENO + 1, way - 1, 0);
	return close_range(way + 1, ~0u, 0) ? -errno : 0;
}

int beside_begin(int way, const char *name)
{
	int error;

	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGALRM, SIG_IGN);
	prctl(PR_SET_NAME, name);
	way = fcntl(way, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	error = way < 0 ? -errno : let_go(way);
	return error ?: way;
}
