// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>

#include "user/base/log.h"
#include "user/cmd/command.h"
#include "user/daemon/daemon.h"
#include "user/daemon/loop.h"
#include "user/daemon/signals.h"
#include "user/kernel/totals_maps.h"

/* For first-time users. On stderr: stdout has only the lines. */
static int introduce(const struct daemon *daemon)
{
	struct hc_counters *counters;
	int error = counters_read_new(daemon->object, &counters);
	unsigned long long count = error ? 0 : counters_sessions(counters);

	if (!error)
		hc_notice("watching TCP%s, %llu session%s; Ctrl-C ends; next: headcount run -h",
			  config_wants(&daemon->config, HC_OUTBOUND)
				  ? config_wants(&daemon->config, HC_INBOUND) ? "" : " outbound"
				  : " inbound",
			  count, count == 1 ? "" : "s");
	free(counters);
	return error;
}

int cmd_trace(const struct command *command, int argc, char **argv)
{
	bool json = false, inbound = false, outbound = false;
	const struct command_option options[] = {
		OPTION_FLAG("json", 'j', "print JSON lines", &json),
		OPTION_FLAG("inbound", 0, "only sessions that others open", &inbound),
		OPTION_FLAG("outbound", 0, "only sessions that this host opens", &outbound),
		{},
	};
	struct daemon daemon = {};
	int first, status, error;

	if (command_options(command, options, argc, argv, 0, &first, &status))
		return status;
	signals_catch(false);
	error = config_defaults(&daemon.config);
	if (!error && inbound != outbound)
		config_set_directions(&daemon.config,
				      inbound ? 1u << HC_INBOUND : 1u << HC_OUTBOUND);
	error = error ?: daemon_probe(&daemon);
	/* Nothing is enforced: all namespaces share the half that is for those. */
	daemon.config.listeners_max *= 2;
	error = error ?: daemon_open_sinks(&daemon);
	error = error ?: daemon_start(&daemon);
	error = error ?: daemon_open_drain(&daemon, json);
	if (!error && !json)
		error = introduce(&daemon);
	error = error ?: daemon_drop_privileges(&daemon, false);
	error = error ?: daemon_loop(&daemon);
	daemon_free(&daemon);
	return error ? EXIT_FAILED : EXIT_DONE;
}
