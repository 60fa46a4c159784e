// SPDX-License-Identifier: GPL-2.0-only
#include "command.h"
#include "daemon.h"

int cmd_trace(const struct command *command, int argc, char **argv)
{
	bool json = false;
	const struct command_option options[] = {
		OPTION_FLAG("json", 'j', "print JSON lines", &json),
		{},
	};
	struct daemon daemon = {};
	int first, status, error;

	if (command_options(command, options, argc, argv, 0, &first, &status))
		return status;
	daemon_signals(false);
	error = daemon_probe(&daemon);
	error = error ?: config_defaults(&daemon.config);
	/* Nothing is enforced: all namespaces share the half that is for those. */
	daemon.config.listeners_max *= 2;
	error = error ?: daemon_open_sinks(&daemon);
	error = error ?: daemon_start(&daemon);
	error = error ?: daemon_open_drain(&daemon, json);
	error = error ?: daemon_drop_privileges(&daemon, false);
	error = error ?: daemon_loop(&daemon);
	daemon_free(&daemon);
	return error ? EXIT_FAILED : EXIT_DONE;
}
