// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>

#include "user/base/log.h"
#include "user/cmd/command.h"
#include "user/kernel/pins.h"
#include "user/kernel/probe.h"

int cmd_detach(const struct command *command, int argc, char **argv)
{
	const struct command_option options[] = {{}};
	int first, status, lock, holder, links;

	if (command_options(command, options, argc, argv, 0, &first, &status))
		return status;
	if (probe_privileges())
		return EXIT_FAILED;
	lock = pins_lock(&holder);
	if (holder) {
		hc_error("headcount run is active (pid %d); stop it first", holder);
		return EXIT_FAILED;
	}
	links = pins_remove();
	if (lock >= 0)
		pins_unlock(lock);
	if (links < 0)
		return EXIT_FAILED;
	if (links)
		printf("detached %d programs\n", links);
	else
		puts("nothing was attached");
	return EXIT_DONE;
}
