// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>

#include "user/base/log.h"
#include "user/cmd/command.h"
#include "user/cmd/conditions.h"
#include "user/cmd/fleet.h"
#include "user/kernel/open.h"
#include "user/sessions/table.h"

static int print_sessions(const struct headcount_bpf *object,
			  struct session_conditions *conditions, int order, bool json)
{
	struct session_list list = {};
	struct policy *policy;
	int error = policy_read_new(object, &policy);

	error = error ?: session_conditions_resolve(conditions, policy, SESSION_USER_HAS);
	error = error ?: session_list_read_held(object, &conditions->filter, &list);
	if (!error && order >= 0)
		session_list_sort(&list, policy, order);
	error = error ?: session_table_print(&list, policy, json);
	session_list_free(&list);
	free(policy);
	return error;
}

static int find_order(const char *word, int *order)
{
	*order = word ? session_order_find(word) : -1;
	return word && *order < 0
		       ? hc_error("sessions: --sort %s: sort by " SESSION_ORDERS, word)
		       : 0;
}

int cmd_sessions(const struct command *command, int argc, char **argv)
{
	struct session_conditions conditions = {};
	struct headcount_bpf *object = NULL;
	struct fleet_options fleet = {};
	const char *word = NULL;
	bool json = false;
	int first, status, error, order;

	const struct command_option options[] = {
		SESSION_CONDITIONS(&conditions),
		FLEET_OPTIONS(&fleet),
		OPTION_TEXT("sort", 0, "KEY", "sort by " SESSION_ORDERS, &word),
		OPTION_FLAG("json", 'j', "print a JSON array", &json),
		{},
	};
	if (!command_options(command, options, argc, argv, 0, &first, &status)) {
		if (find_order(word, &order) || fleet_options_check(&fleet, command->name) ||
		    session_conditions_parse(&conditions, command->name)) {
			status = EXIT_USAGE;
		} else if (fleet.on) {
			status = fleet_sessions(&fleet, options, json);
		} else {
			error = open_maps(&object, LOAD_WALK_SOCKETS | LOAD_WALK_FILES);
			error = error ?: print_sessions(object, &conditions, order, json);
			status = error ? EXIT_FAILED : EXIT_DONE;
		}
	}
	headcount_bpf__destroy(object);
	session_conditions_free(&conditions);
	return status;
}
