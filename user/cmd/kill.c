// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "user/base/log.h"
#include "user/cmd/command.h"
#include "user/cmd/conditions.h"
#include "user/cmd/fleet.h"
#include "user/kernel/open.h"
#include "user/sessions/kill.h"
#include "user/sessions/table.h"

struct request {
	struct session_conditions conditions;
	struct fleet_options fleet;
	bool dry_run, json, quiet, yes;
};

static int parse_request(struct request *request, const char *command)
{
	int error = session_conditions_parse(&request->conditions, command);

	error = error ?: fleet_options_check(&request->fleet, command);
	if (error)
		return error;
	if (!request->conditions.service &&
	    !session_filter_chooses(&request->conditions.filter))
		return hc_error("kill: give a condition (see headcount kill --help)");
	if (request->fleet.on && !request->fleet.host && request->conditions.ids.count)
		return hc_error("kill: an --id is of one host: give its --host");
	return 0;
}

/* The services of the sessions: "imap, pop". */
static void print_service_names(FILE *file, const struct session_row *rows, size_t count,
				const struct policy *policy)
{
	bool seen[HC_SERVICES_MAX] = {};
	const char *comma = "";

	for (size_t i = 0; i < count; i++)
		seen[rows[i].session->user.service % HC_SERVICES_MAX] = true;
	for (int id = 0; id < HC_SERVICES_MAX; id++) {
		if (!seen[id])
			continue;
		fprintf(file, "%s%s", comma, policy->services[id].name);
		comma = ", ";
	}
}

/* What was closed, as `sessions` would list it. */
static int print_closed(const struct kill_result *result, const struct session_list *list,
			const struct policy *policy, bool json)
{
	struct session_list closed = {
		.rows = result->rows,
		.count = result->closed,
		.holders = list->holders,
	};

	return session_table_print(&closed, policy, json);
}

static int print_result_json(const struct kill_result *result, const struct session_list *list,
			     const struct policy *policy)
{
	const char *comma = "";
	int error;

	printf("{\"matched\":%zu,\"closed\":%zu,\"gone\":%zu,\"failed\":%zu,\"failures\":[",
	       result->matched, result->closed, result->gone, result->failed);
	for (int failure = 0; failure < KILL_FAILURES; failure++) {
		if (!result->failures[failure])
			continue;
		printf("%s{\"reason\":\"%s\",\"count\":%zu}", comma, kill_failure_text(failure),
		       result->failures[failure]);
		comma = ",";
	}
	printf("],\"sessions\":");
	error = print_closed(result, list, policy, true);
	printf("}\n");
	return error;
}

static int print_result_text(const struct kill_result *result, const struct session_list *list,
			     const struct request *request, const struct policy *policy)
{
	int error = 0;

	if (result->closed && !request->quiet)
		error = print_closed(result, list, policy, false);
	printf("closed %zu session%s", result->closed, result->closed == 1 ? "" : "s");
	if (result->closed && !request->conditions.service) {
		printf(" of ");
		print_service_names(stdout, result->rows, result->closed, policy);
	}
	printf("\n");
	if (result->gone)
		printf("%zu had already ended\n", result->gone);
	for (int failure = 0; failure < KILL_FAILURES; failure++)
		if (result->failures[failure])
			hc_error("could not close %zu: %s", result->failures[failure],
				 kill_failure_text(failure));
	return error;
}

/* Without a service the conditions may match more than was meant. */
static bool may_confirm(const struct request *request)
{
	return !request->conditions.service && !request->yes && isatty(STDIN_FILENO) &&
	       isatty(STDOUT_FILENO);
}

static bool needs_confirmation(const struct request *request, const struct session_list *list)
{
	return list->count && may_confirm(request);
}

static bool confirm(const struct session_list *list, const struct policy *policy)
{
	char answer[16] = "";

	fprintf(stderr, "Close %zu session%s of ", list->count, list->count == 1 ? "" : "s");
	print_service_names(stderr, list->rows, list->count, policy);
	fprintf(stderr, "? [y/N] ");
	return fgets(answer, sizeof(answer), stdin) && (*answer == 'y' || *answer == 'Y');
}

/* Of the sessions asked about, those that still meet the conditions after the answer. */
static int read_again(const struct headcount_bpf *object, struct session_filter *filter,
		      struct session_list *list)
{
	__u64 *ids = calloc(list->count, sizeof(*ids));
	int error;

	if (!ids)
		return hc_error_errno(ENOMEM, "cannot close the sessions");
	for (size_t i = 0; i < list->count; i++)
		ids[i] = list->rows[i].id;
	session_filter_ids(filter, ids, list->count);
	session_list_free(list);
	error = session_list_read(object, filter, list);
	session_filter_ids(filter, NULL, 0);
	free(ids);
	return error;
}

static int close_listed(const struct headcount_bpf *object, struct request *request,
			struct session_list *list, const struct policy *policy)
{
	struct kill_result result = {};
	int error = 0, printed = 0;

	if (needs_confirmation(request, list)) {
		if (!confirm(list, policy))
			return hc_error("closed nothing");
		error = read_again(object, &request->conditions.filter, list);
	}
	if (!request->quiet)
		error = error ?: session_list_hold(list, object);
	error = error ?: kill_sessions(object, list, &result);
	if (!error || result.closed)
		printed = request->json ? print_result_json(&result, list, policy)
					: print_result_text(&result, list, request, policy);
	error = error ?: printed;
	free(result.rows);
	return error ?: result.failed ? -EBUSY : 0;
}

static int kill_or_list(const struct headcount_bpf *object, struct request *request)
{
	struct session_list list = {};
	struct policy *policy;
	int error = policy_read_new(object, &policy);

	error = error
			?: session_conditions_resolve(&request->conditions, policy,
						      SESSION_USER_AGREED);
	error = error ?: session_list_read(object, &request->conditions.filter, &list);
	if (request->dry_run) {
		error = error ?: session_list_hold(&list, object);
		error = error ?: session_table_print(&list, policy, request->json);
	} else {
		error = error ?: close_listed(object, request, &list, policy);
	}
	session_list_free(&list);
	free(policy);
	return error;
}

static int kill_here(struct request *request)
{
	struct headcount_bpf *object = NULL;
	int error = open_maps(&object, LOAD_WALK_SOCKETS | LOAD_WALK_FILES | LOAD_KILL);

	error = error ?: kill_or_list(object, request);
	headcount_bpf__destroy(object);
	return error ? EXIT_FAILED : EXIT_DONE;
}

static int kill_there(const struct request *request, const struct command_option *options)
{
	const struct fleet_kill kill = {request->dry_run, request->json, request->quiet,
					may_confirm(request)};

	return fleet_kill(&request->fleet, options, &kill);
}

int cmd_kill(const struct command *command, int argc, char **argv)
{
	struct request request = {};
	int first, status;

	const struct command_option options[] = {
		SESSION_CONDITIONS(&request.conditions),
		FLEET_OPTIONS(&request.fleet),
		OPTION_FLAG("dry-run", 'n', "list the sessions, close none", &request.dry_run),
		OPTION_FLAG("yes", 'y', "do not ask", &request.yes),
		OPTION_FLAG("quiet", 'q', "print only how many were closed", &request.quiet),
		OPTION_FLAG("json", 'j', "print JSON", &request.json),
		{},
	};
	if (!command_options(command, options, argc, argv, 0, &first, &status)) {
		if (parse_request(&request, command->name))
			status = EXIT_USAGE;
		else
			status = request.fleet.on ? kill_there(&request, options)
						  : kill_here(&request);
	}
	session_conditions_free(&request.conditions);
	return status;
}
