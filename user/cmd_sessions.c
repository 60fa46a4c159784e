// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>

#include "command.h"
#include "log.h"
#include "session_table.h"

static int print_sessions(const struct headcount_bpf *object, struct session_filter *filter,
			  const char *service, bool json)
{
	struct policy *policy = malloc(sizeof(*policy));
	struct session_list list = {};
	int error = policy ? 0 : hc_error_errno(ENOMEM, "cannot print the sessions");

	error = error ?: policy_read(object, policy);
	error = error ?: session_filter_service(filter, policy, service);
	error = error ?: session_filter_user(filter, policy, false);
	error = error ?: session_list_read(object, filter, &list);
	error = error ?: session_table_print(&list, policy, json);
	session_list_free(&list);
	free(policy);
	return error;
}

int cmd_sessions(const struct command *command, int argc, char **argv)
{
	struct session_filter filter = {.service = -1};
	struct headcount_bpf *object = NULL;
	const char *service = NULL;
	bool json = false;
	int first, status, error;

	const struct command_option options[] = {
		OPTION_TEXT("service", 's', "SERVICE", "only this service's sessions",
			    &service),
		OPTION_TEXT("user", 'u', "USER", "only this user's sessions", &filter.user),
		OPTION_FLAG("json", 'j', "print a JSON array", &json),
		{},
	};
	if (command_options(command, options, argc, argv, 0, &first, &status))
		return status;
	error = command_open(&object, LOAD_WALK_SOCKETS);
	error = error ?: print_sessions(object, &filter, service, json);
	headcount_bpf__destroy(object);
	return error ? EXIT_FAILED : EXIT_DONE;
}
