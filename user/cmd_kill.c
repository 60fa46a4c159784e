// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "kill.h"
#include "log.h"
#include "number.h"
#include "session_table.h"
#include "user_name.h"

/* The conditions as they were given. */
struct request {
	const char *service, *idle, *age, *remote;
	struct command_values ids;
	bool dry_run, json;
	struct session_filter filter;
};

static int parse_duration(const char *option, const char *text, __u64 *ms)
{
	if (!text || !number_parse_duration(text, ms))
		return 0;
	return hc_error("kill: --%s %s: a duration is like 90, 90s, 15m, 2h or 3d", option,
			text);
}

static int parse_remote(const char *text, struct session_filter *filter)
{
	char why[256];

	filter->by_remote = text;
	if (!text ||
	    !prefix_parse(text, filter->remote, &filter->remote_bits, why, sizeof(why)))
		return 0;
	return hc_error("kill: --remote: %s", why);
}

/* `*ids` is to be freed. */
static int parse_ids(const struct command_values *values, __u64 **ids)
{
	*ids = calloc(values->count + 1, sizeof(**ids));
	if (!*ids)
		return hc_error_errno(ENOMEM, "cannot read the options");
	for (size_t i = 0; i < values->count; i++)
		if (number_parse_id(values->items[i], &(*ids)[i]))
			return hc_error("kill: --id %s: a session's id is a number",
					values->items[i]);
	return 0;
}

static int parse(struct request *request, __u64 **ids)
{
	struct session_filter *filter = &request->filter;
	int error = parse_ids(&request->ids, ids);

	error = error ?: parse_duration("idle", request->idle, &filter->idle_ms);
	error = error ?: parse_duration("age", request->age, &filter->age_ms);
	error = error ?: parse_remote(request->remote, filter);
	if (error)
		return error;
	session_filter_ids(filter, *ids, request->ids.count);
	if (!request->service && !session_filter_chooses(filter))
		return hc_error("kill: which sessions? give a condition "
				"(see headcount kill --help)");
	return 0;
}

static void print_json(const struct kill_result *result)
{
	const char *comma = "";

	printf("{\"matched\":%zu,\"closed\":%zu,\"gone\":%zu,\"failed\":%zu,\"failures\":[",
	       result->matched, result->closed, result->gone, result->failed);
	for (int failure = 0; failure < KILL_FAILURES; failure++) {
		if (!result->failures[failure])
			continue;
		printf("%s{\"reason\":\"%s\",\"count\":%zu}", comma, kill_failure_text(failure),
		       result->failures[failure]);
		comma = ",";
	}
	printf("]}\n");
}

static void print_text(const struct kill_result *result)
{
	printf("closed %zu session%s\n", result->closed, result->closed == 1 ? "" : "s");
	if (result->gone)
		printf("%zu had ended by then\n", result->gone);
	for (int failure = 0; failure < KILL_FAILURES; failure++)
		if (result->failures[failure])
			hc_error("could not close %zu: %s", result->failures[failure],
				 kill_failure_text(failure));
}

static int list(const struct headcount_bpf *object, const struct request *request,
		const struct policy *policy)
{
	struct session_list sessions = {};
	int error = session_list_read(object, &request->filter, &sessions);

	error = error ?: session_table_print(&sessions, policy, request->json);
	session_list_free(&sessions);
	return error;
}

static int kill_or_list(const struct headcount_bpf *object, struct request *request)
{
	struct policy *policy = malloc(sizeof(*policy));
	struct kill_result result = {};
	int error = policy ? 0 : hc_error_errno(ENOMEM, "cannot close the sessions");

	error = error ?: policy_read(object, policy);
	error = error ?: session_filter_service(&request->filter, policy, request->service);
	error = error ?: session_filter_user(&request->filter, policy, true);
	if (!error && request->dry_run) {
		error = list(object, request, policy);
	} else if (!error) {
		error = kill_sessions(object, &request->filter, &result);
		if (request->json)
			print_json(&result);
		else
			print_text(&result);
	}
	free(policy);
	return error ?: result.failed ? -EBUSY : 0;
}

int cmd_kill(const struct command *command, int argc, char **argv)
{
	struct request request = {.filter.service = -1};
	struct headcount_bpf *object = NULL;
	__u64 *ids = NULL;
	int first, status, error;

	const struct command_option options[] = {
		OPTION_TEXT("service", 's', "SERVICE", "sessions of this service",
			    &request.service),
		OPTION_TEXT("user", 'u', "USER", "sessions of this user", &request.filter.user),
		OPTION_TEXT("idle", 'i', "DURATION",
			    "with no data for so long: 90, 90s, 15m, 2h, 3d", &request.idle),
		OPTION_TEXT("age", 'a', "DURATION", "at least so old", &request.age),
		OPTION_TEXT("remote", 'r', "ADDR[/LEN]", "with this peer", &request.remote),
		OPTION_LIST("id", 0, "N...", "of this number in `sessions`; may be repeated",
			    &request.ids),
		OPTION_FLAG("dry-run", 'n', "list them, close none", &request.dry_run),
		OPTION_FLAG("json", 'j', "print JSON", &request.json),
		{},
	};
	if (!command_options(command, options, argc, argv, 0, &first, &status)) {
		status = EXIT_USAGE;
		if (!parse(&request, &ids)) {
			error = command_open(&object, LOAD_WALK_SOCKETS | LOAD_KILL);
			error = error ?: kill_or_list(object, &request);
			status = error ? EXIT_FAILED : EXIT_DONE;
		}
	}
	headcount_bpf__destroy(object);
	free(request.ids.items);
	free(ids);
	return status;
}
