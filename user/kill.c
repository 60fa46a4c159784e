// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "kill.h"

const char *kill_failure_text(enum kill_failure failure)
{
	static const char *const texts[] = {
		[KILL_UNSUPPORTED] = "the kernel cannot close them (CONFIG_INET_DIAG_DESTROY)",
		[KILL_FORBIDDEN] = "not permitted",
		[KILL_UNREACHABLE] = "in a network namespace that cannot be entered",
		[KILL_KEPT] = "the kernel keeps a socket that its process has closed",
		[KILL_MPTCP] = "their MPTCP connection could not be ended",
		[KILL_OTHER] = "the kernel refused",
	};

	return texts[failure];
}

int kill_sessions(const struct headcount_bpf *object, const struct session_filter *filter,
		  struct kill_result *result)
{
	struct session_list list = {};
	int error;

	memset(result, 0, sizeof(*result));
	error = session_list_read(object, filter, &list);
	result->matched = list.count;
	/* Not yet: they are matched only. */
	session_list_free(&list);
	return error;
}
