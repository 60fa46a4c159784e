// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>

#include "user/base/log.h"
#include "user/base/number.h"
#include "user/cmd/command.h"
#include "user/kernel/open.h"
#include "user/metrics/page.h"

int cmd_metrics(const struct command *command, int argc, char **argv)
{
	const char *top = "0";
	bool open = false;
	const struct command_option options[] = {
		OPTION_TEXT("top-users", 't', "N", "include the N busiest users, 0 to 1000",
			    &top),
		OPTION_FLAG("openmetrics", 'o', "print OpenMetrics instead of Prometheus' text",
			    &open),
		{},
	};
	struct headcount_bpf *object = NULL;
	struct metrics *metrics;
	int first, status, error;
	__u32 top_users;

	if (command_options(command, options, argc, argv, 0, &first, &status))
		return status;
	if (number_parse(top, 0, CONFIG_TOP_USERS_MAX, &top_users)) {
		hc_error("metrics: \"%s\" is not a number from 0 to %u", top,
			 CONFIG_TOP_USERS_MAX);
		return EXIT_USAGE;
	}
	error = open_maps(&object, 0);
	if (error)
		return EXIT_FAILED;
	metrics = calloc(1, sizeof(*metrics));
	error = metrics ? metrics_gather(metrics, object, NULL, top_users)
			: hc_error_errno(ENOMEM, "cannot read the metrics");
	if (!error)
		metrics_print(stdout, metrics, open ? METRICS_OPEN : METRICS_PROMETHEUS);
	if (metrics)
		metrics_free(metrics);
	free(metrics);
	headcount_bpf__destroy(object);
	return error ? EXIT_FAILED : EXIT_DONE;
}
