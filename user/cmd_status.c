// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "command.h"
#include "drain.h"
#include "fill.h"
#include "links.h"
#include "log.h"
#include "loss.h"
#include "pins.h"
#include "policy_user.h"
#include "probe.h"
#include "feature.h"
#include "state.h"

/* Everything that status tells, gathered before anything is printed. */
struct status {
	struct headcount_bpf *object; /* NULL: neither running nor pinned */
	int pid;
	bool pinned;
	struct links_row *links;
	size_t links_count;
	__u64 losses[HC_LOSS_COUNT];
	struct fill_row fill[FILL_COUNT];
};

static int gather_state(struct status *status)
{
	struct policy *policy = malloc(sizeof(*policy));
	struct state_session *sessions = NULL;
	struct state_user *users = NULL;
	size_t count = 0, session_count = 0, shown = 0;
	int error = policy ? policy_read(status->object, policy)
			   : hc_error_errno(ENOMEM, "cannot read the state");

	error = error ?: links_read(status->object, &status->links, &status->links_count);
	error = error ?: losses_read(status->object, status->losses);
	error = error
			?: state_read_sessions(status->object, NULL, NULL, &sessions,
					       &session_count);
	error = error ?: state_read_users(status->object, &users, &count);
	for (size_t i = 0; i < count && !error; i++)
		shown += state_user_shown(&users[i].user);
	if (!error)
		fill_read(status->object, policy, session_count, shown, status->fill);
	free(sessions);
	free(users);
	free(policy);
	return error;
}

static int gather(struct status *status)
{
	int error;

	status->pid = pins_holder();
	status->pinned = pins_have_links();
	if (!pins_have_maps() || (!status->pid && !status->pinned))
		return 0;
	error = command_open(&status->object, 0);
	return error ?: gather_state(status);
}

static const char *found_text(const struct feature *feature)
{
	if (!feature->error)
		return "found";
	return feature->error == -EPERM || feature->error == -EACCES ? "refused" : "missing";
}

static void print_text(const struct status *status)
{
	size_t count;
	const struct feature *features = features_list(&count);
	char absence[256];

	if (status->pid)
		printf("headcount " HC_VERSION " is running, pid %d%s\n", status->pid,
		       status->pinned ? ", pinned" : "");
	else
		printf("headcount " HC_VERSION " is not running%s\n",
		       status->pinned ? "; its enforcement is pinned and goes on" : "");
	if (status->object) {
		printf("\nattached:\n");
		for (size_t i = 0; i < status->links_count; i++)
			printf("  %-16s %s\n", status->links[i].program,
			       status->links[i].where);
		printf("\nfill:\n");
		for (int i = 0; i < FILL_COUNT; i++)
			printf("  %-9s %llu of %llu\n", status->fill[i].map,
			       status->fill[i].entries, status->fill[i].capacity);
		printf("\nlosses:\n");
		for (int i = 0; i < HC_LOSS_COUNT; i++)
			printf("  %-18s %8llu  %s\n", loss_rows[i].word, status->losses[i],
			       loss_rows[i].text);
	}
	printf("\nkernel features:\n");
	for (size_t i = 0; i < count; i++)
		printf("  %-29s %-8s %s\n", features[i].name, found_text(&features[i]),
		       features[i].error
			       ? feature_absence(&features[i], absence, sizeof(absence))
			       : features[i].needed_for);
}

/* Every string here is ours: nothing to escape. */
static void print_json(const struct status *status)
{
	size_t count;
	const struct feature *features = features_list(&count);
	char absence[256];

	printf("{\"running\":%s,\"pid\":", status->pid ? "true" : "false");
	printf(status->pid ? "%d" : "null", status->pid);
	printf(",\"pinned\":%s,\"version\":\"" HC_VERSION "\",\"services\":%llu,\"attached\":[",
	       status->pinned ? "true" : "false", status->fill[FILL_SERVICES].entries);
	for (size_t i = 0; i < status->links_count; i++)
		printf("%s{\"program\":\"%s\",\"where\":\"%s\",\"missed\":%llu,"
		       "\"runs\":%llu,\"run_ns\":%llu}",
		       i ? "," : "", status->links[i].program, status->links[i].where,
		       status->links[i].missed, status->links[i].runs, status->links[i].ns);
	printf("],\"losses\":{");
	for (int i = 0; i < HC_LOSS_COUNT; i++)
		printf("%s\"%s\":%llu", i ? "," : "", loss_rows[i].word, status->losses[i]);
	printf("},\"maps\":[");
	for (int i = 0; i < FILL_COUNT && status->object; i++)
		printf("%s{\"map\":\"%s\",\"entries\":%llu,\"capacity\":%llu}", i ? "," : "",
		       status->fill[i].map, status->fill[i].entries, status->fill[i].capacity);
	printf("],\"features\":[");
	for (size_t i = 0; i < count; i++)
		printf("%s{\"feature\":\"%s\",\"found\":%s,\"needed_for\":\"%s\","
		       "\"without\":\"%s\"}",
		       i ? "," : "", features[i].name, features[i].error ? "false" : "true",
		       features[i].needed_for,
		       feature_absence(&features[i], absence, sizeof(absence)));
	printf("]}\n");
}

int cmd_status(const struct command *command, int argc, char **argv)
{
	bool json = false;
	const struct command_option options[] = {
		OPTION_FLAG("json", 'j', "print a JSON object", &json),
		{},
	};
	struct status status = {};
	int first, code, error;

	if (command_options(command, options, argc, argv, 0, &first, &code))
		return code;
	if (probe_privileges())
		return EXIT_FAILED;
	error = gather(&status);
	/* What the kernel lacks is shown even if that is why nothing else can be. */
	if (json && (!error || error == -ENOTSUP))
		print_json(&status);
	else if (!error || error == -ENOTSUP)
		print_text(&status);
	free(status.links);
	headcount_bpf__destroy(status.object);
	return error ? EXIT_FAILED : EXIT_DONE;
}
