// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cap-ng.h>

#include "user/base/log.h"
#include "user/base/privileges.h"

#define KEPT_IN (CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET)

/* All that is kept, and why. headcount(8) says the same. */
static const struct {
	unsigned int capability;
	enum privileges_for purpose;
} kept[] = {
	{CAP_BPF, PRIVILEGES_ALWAYS}, /* maps; running the walks */
	/* Beside CAP_BPF, to load a gate as it was at the start; and the walks of a command. */
	{CAP_PERFMON, PRIVILEGES_GATES | PRIVILEGES_COMMAND},
	/* To close sessions that came late: closer.h; also whoever opens the socket for it. */
	{CAP_NET_ADMIN, PRIVILEGES_GATES | PRIVILEGES_ENTER | PRIVILEGES_COMMAND},
	{CAP_SYS_ADMIN, PRIVILEGES_UNMOUNT | PRIVILEGES_ENTER | PRIVILEGES_COMMAND},
	/* To open /proc/PID/ns/net. */
	{CAP_SYS_PTRACE, PRIVILEGES_PROC | PRIVILEGES_COMMAND},
	{CAP_DAC_OVERRIDE, PRIVILEGES_FOREIGN}, /* to remove the lock and the pins */
};

static bool dropped; /* by this process, of which the sinks and sockets ask */

static void tell_kept(void)
{
	char *names;

	if (!log_tells(LOG_STEPS))
		return;
	names = capng_print_caps_text(CAPNG_PRINT_BUFFER, CAPNG_PERMITTED);
	hc_step("gave up privileges, and keeps %s", names ?: "?");
	free(names);
}

static int drop_capabilities(unsigned int purposes)
{
	const size_t count = sizeof(kept) / sizeof(kept[0]);
	bool keep[sizeof(kept) / sizeof(kept[0])], bounds;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return hc_error_errno(errno, "cannot forbid new privileges");
	if (capng_get_caps_process())
		return hc_error("cannot read our capabilities");
	/* Without it the bounding set stays as who started us made it. */
	bounds = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);
	for (size_t i = 0; i < count; i++)
		keep[i] = kept[i].purpose & purposes &&
			  capng_have_capability(CAPNG_PERMITTED, kept[i].capability);
	capng_clear(CAPNG_SELECT_BOTH);
	for (size_t i = 0; i < count; i++)
		if (keep[i])
			capng_update(CAPNG_ADD, KEPT_IN, kept[i].capability);
	if (capng_apply(bounds ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS))
		return hc_error("cannot give up capabilities");
	tell_kept();
	return 0;
}

const char *privileges_hint(int error)
{
	error = abs(error);
	return dropped && (error == EPERM || error == EACCES)
		       ? " (run has given up what this takes: restart it)"
		       : "";
}

int privileges_drop(unsigned int purposes)
{
	dropped = !geteuid();
	return drop_capabilities(purposes | PRIVILEGES_ALWAYS |
				 (geteuid() ? PRIVILEGES_FOREIGN : 0));
}

int privileges_drop_all(void)
{
	return drop_capabilities(0);
}

int privileges_drop_to_enter(void)
{
	return drop_capabilities(PRIVILEGES_ENTER);
}

int privileges_drop_to_command(void)
{
	return drop_capabilities(PRIVILEGES_ALWAYS | PRIVILEGES_COMMAND |
				 (geteuid() ? PRIVILEGES_FOREIGN : 0));
}
