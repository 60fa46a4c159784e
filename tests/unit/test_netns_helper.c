// SPDX-License-Identifier: GPL-2.0-only
/* What `run` makes of errors on its way to the process that enters network namespaces. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "user/daemon/netns_helper.h"

static int fails_once; /* with this */

/* In the place of the C library's; the helper, which is forked before anything fails, has its
 * own. */
ssize_t sendmsg(int to, const struct msghdr *message, int flags)
{
	errno = fails_once;
	fails_once = 0;
	return errno ? -1 : syscall(SYS_sendmsg, to, message, flags);
}

static bool may_enter(void)
{
	int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	bool may = !setns(here, CLONE_NEWNET);

	close(here);
	return may;
}

static int asks(struct netns_helper *helper)
{
	struct netns here = {.fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)};
	int fd = netns_helper_ask(helper, &here);

	close(here.fd);
	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

static void end_child(void)
{
	siginfo_t info;
	FILE *file;
	int pid;

	file = fopen("/proc/thread-self/children", "r");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%d", &pid), 1);
	fclose(file);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, pid, &info, WEXITED | WNOWAIT), 0);
}

static void errors(void **state)
{
	struct netns_helper *helper;

	(void)state;
	if (!may_enter())
		skip();
	assert_int_equal(netns_helper_start(&helper), 0);
	assert_int_equal(asks(helper), 0);
	fails_once = EINTR;
	assert_int_equal(asks(helper), 0);
	fails_once = ETOOMANYREFS;
	assert_int_equal(asks(helper), NETNS_HELPER_SILENT);
	assert_int_equal(asks(helper), 0);
	assert_int_equal(netns_helper_watch(helper), 1);
	end_child();
	assert_int_equal(netns_helper_watch(helper), 1); /* that it has ended */
	assert_int_equal(netns_helper_watch(helper), 0);
	assert_int_equal(asks(helper), NETNS_HELPER_SILENT);
	netns_helper_end(helper);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
