// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "user/base/account.h"
#include "user/base/escape.h"
#include "user/base/put.h"
#include "user/base/redact.h"
#include "user/cmd/command.h"
#include "user/cmd/status_fleet.h"
#include "user/kernel/feature.h"
#include "user/kernel/fill.h"
#include "user/kernel/fleet_record.h"
#include "user/kernel/links.h"
#include "user/kernel/losses.h"
#include "user/kernel/open.h"
#include "user/kernel/pins.h"
#include "user/kernel/policy_maps.h"
#include "user/kernel/probe.h"
#include "user/kernel/reload_record.h"
#include "user/kernel/service_text.h"
#include "user/kernel/state.h"
#include "user/kernel/strangers.h"
#include "user/kernel/totals_maps.h"

/* Everything that status tells, gathered before anything is printed. */
struct status {
	struct headcount_bpf *object; /* NULL: neither running nor pinned */
	int pid;
	bool pinned;
	const char *unfinished; /* where a start that was killed is pinned, or NULL */
	struct links_row *links;
	size_t links_count;
	__u64 losses[HC_LOSS_COUNT];
	struct fill_row fill[FILL_COUNT];
	struct policy policy;
	struct service_total totals[HC_SERVICES_MAX];
	struct hc_stranger strangers[HC_SERVICES_MAX];
	struct hc_reload reload; /* the last; time_ns is 0 if there was none */
	struct hc_fleet_status fleet;
};

static int gather_state(struct status *status)
{
	struct state_session *sessions = NULL;
	struct state_user *users = NULL;
	size_t count = 0, session_count = 0, shown = 0;
	int error = policy_read(status->object, &status->policy);

	error = error ?: links_read(status->object, &status->links, &status->links_count);
	error = error ?: losses_read(status->object, status->losses);
	error = error ?: totals_of_services(status->object, &status->policy, status->totals);
	error = error ?: strangers_read(status->object, status->strangers);
	error = error ?: reload_record_read(status->object, &status->reload);
	error = error ?: fleet_record_read(status->object, &status->fleet);
	error = error
			?: state_read_sessions(status->object, NULL, NULL, &sessions,
					       &session_count);
	error = error ?: state_read_users(status->object, &users, &count);
	for (size_t i = 0; i < count && !error; i++)
		shown += state_user_shown(&users[i].user);
	if (!error)
		fill_read(status->object, &status->policy, session_count, shown, status->fill);
	free(sessions);
	free(users);
	return error;
}

static int gather_status(struct status *status)
{
	int error = 0;

	status->pid = pins_holder();
	status->pinned = pins_have_links();
	status->unfinished = pins_unfinished();
	if (pins_have_maps() && (status->pid || status->pinned)) {
		error = open_maps(&status->object, 0);
		error = error ?: gather_state(status);
	}
	if (status->unfinished)
		error = error
				?: links_read_folder(status->unfinished, &status->links,
						     &status->links_count);
	return error;
}

static const char *found_text(const struct feature *feature)
{
	if (!feature->error)
		return "found";
	return feature->error == -EPERM || feature->error == -EACCES ? "refused" : "missing";
}

/* The line that matters of what a reload said: its error, or that it is done. */
static const char *reload_line(const struct status *status, char line[1024])
{
	const char *said = status->reload.said, *at = said, *end;

	/* When it is done, the last one. */
	while (status->reload.result == HC_RELOAD_DONE && (end = strchr(at, '\n')) && end[1])
		at = end + 1;
	snprintf(line, 1024, "%.*s", (int)strcspn(at, "\n"), at);
	return line;
}

static bool has_state(const struct status *status)
{
	for (size_t i = 0; i < status->links_count; i++)
		if (!strcmp(status->links[i].program, "on_state"))
			return true;
	return false;
}

/* Why on_state, which costs the most, is attached or not. */
static const char *state_reason(const struct status *status)
{
	if (!has_state(status))
		return "not needed: sockets tell of their ends themselves";
	if (!features_have_callbacks())
		return "needed: some sockets do not tell of their ends (before Linux 6.12)";
	return features_have_watch()
		       ? "needed: another sockops program is there, or was, and may keep "
			 "sockets from telling of their ends"
		       : "needed: without iter/bpf_prog nobody knows whether sockets tell of "
			 "their ends";
}

/* Does a service want what the daemon does: sessions without a label closed, or else those over
 * the cap held or redirected? */
static bool needs_run(const struct status *status, bool grace)
{
	for (int id = 0; id < HC_SERVICES_MAX && status->object; id++) {
		const struct hc_service *service = &status->policy.services[id];

		if (service->used && (grace ? service->login_grace : service->holding))
			return true;
	}
	return false;
}

static bool has_total(const struct status *status, int id)
{
	const struct hc_service *service = &status->policy.services[id];

	return status->object && service->used && service->total != HC_UNLIMITED;
}

static void print_status_totals(const struct status *status)
{
	const char *heading = "\ntotals:\n";
	char name[4 * HC_NAME_MAX];

	for (int id = 0; id < HC_SERVICES_MAX; id++) {
		const struct hc_service *service = &status->policy.services[id];

		if (!has_total(status, id))
			continue;
		escape_text(name, sizeof(name), service->name, strlen(service->name));
		printf("%s  %-9s %u of %u, %llu refused\n", heading, name,
		       status->totals[id].active, service->total, status->totals[id].refused);
		heading = "";
	}
}

static void print_json_totals(const struct status *status)
{
	const char *comma = "";
	char name[6 * HC_NAME_MAX];

	for (int id = 0; id < HC_SERVICES_MAX; id++) {
		const struct hc_service *service = &status->policy.services[id];

		if (!has_total(status, id))
			continue;
		escape_json(name, sizeof(name), service->name, strlen(service->name));
		printf("%s{\"service\":\"%s\",\"active\":%u,\"total\":%u,\"refused\":%llu}",
		       comma, name, status->totals[id].active, service->total,
		       status->totals[id].refused);
		comma = ",";
	}
}

/* Has it had labels that were not taken? */
static bool has_strangers(const struct status *status, int id)
{
	return status->object && status->policy.services[id].used &&
	       status->strangers[id].count;
}

static void print_status_strangers(const struct status *status)
{
	char name[4 * HC_NAME_MAX], account[4 * ACCOUNT_NAME_MAX];

	for (int id = 0; id < HC_SERVICES_MAX; id++) {
		const struct hc_stranger *stranger = &status->strangers[id];
		const char *owner = account_name(stranger->uid);

		if (!has_strangers(status, id))
			continue;
		escape_text(name, sizeof(name), status->policy.services[id].name,
			    strlen(status->policy.services[id].name));
		escape_text(account, sizeof(account), owner, strlen(owner));
		printf("%s: labels not taken: %llu; of the last the socket that listened on "
		       "port "
		       "%u belongs to uid %u%s%s%s, none of the service's labellers\n",
		       name, stranger->count, stranger->port, stranger->uid,
		       *account ? " (" : "", account, *account ? ")" : "");
	}
}

static void print_json_strangers(const struct status *status)
{
	const char *comma = "";
	char name[6 * HC_NAME_MAX];

	for (int id = 0; id < HC_SERVICES_MAX; id++) {
		const struct hc_service *service = &status->policy.services[id];

		if (!has_strangers(status, id))
			continue;
		escape_json(name, sizeof(name), service->name, strlen(service->name));
		printf("%s{\"service\":\"%s\",\"count\":%llu,\"uid\":%u,\"port\":%u}", comma,
		       name, status->strangers[id].count, status->strangers[id].uid,
		       status->strangers[id].port);
		comma = ",";
	}
}

static void print_status_text(const struct status *status)
{
	size_t count;
	const struct feature *features = features_list(&count);
	char absence[256], when[TIME_TEXT], line[1024], directions[DIRECTIONS_TEXT];

	if (status->pid)
		printf("headcount " HC_VERSION " is running, pid %d%s\n", status->pid,
		       status->pinned ? ", pinned" : "");
	else
		printf("headcount " HC_VERSION " is not running%s\n",
		       status->pinned ? "; its enforcement is pinned" : "");
	if (status->unfinished)
		printf("a killed start is pinned in %s, still enforcing:\nheadcount detach "
		       "removes it, as does the next headcount run\n",
		       status->unfinished);
	if (status->reload.time_ns)
		printf("last reload: %s, %s%s\n",
		       time_format(status->reload.time_ns, false, when),
		       status->reload.result == HC_RELOAD_DONE ? "" : "failed: ",
		       reload_line(status, line));
	if (status->object && status->policy.control.directions != HC_BOTH_DIRECTIONS)
		printf("counts %s sessions only\n",
		       directions_format(status->policy.control.directions, "", directions));
	if (status->object || status->links_count)
		printf("\nattached:\n");
	for (size_t i = 0; i < status->links_count; i++)
		printf("  %-16s %s\n", status->links[i].program, status->links[i].where);
	if (needs_run(status, true) && !status->pid)
		printf("login_grace does not hold: run is not active\n");
	if (needs_run(status, false) && !status->pid)
		printf("who is over the cap is rejected at once, as run is not active, unless "
		       "excess = redirect leads to a listener of yours\n");
	if (status->object)
		printf("on_state is %s\n", state_reason(status));
	print_status_strangers(status);
	status_fleet_text(&status->fleet, status->pid);
	if (status->object) {
		printf("\nfill:\n");
		for (int i = 0; i < FILL_COUNT; i++)
			printf("  %-9s %llu of %llu\n", status->fill[i].map,
			       status->fill[i].entries, status->fill[i].capacity);
		print_status_totals(status);
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

static void print_json_reload(const struct status *status, bool redact)
{
	char when[TIME_TEXT], line[1024], told[2048], escaped[6 * sizeof(told)];

	if (!status->reload.time_ns) {
		printf("null");
		return;
	}
	reload_line(status, line);
	if (redact)
		redact_text(line, told, sizeof(told));
	else
		strcpy(told, line);
	told[strcspn(told, "\n")] = '\0';
	escape_json(escaped, sizeof(escaped), told, strlen(told));
	printf("{\"time\":\"%s\",\"done\":%s,\"said\":\"%s\"}",
	       time_format(status->reload.time_ns, true, when),
	       status->reload.result == HC_RELOAD_DONE ? "true" : "false", escaped);
}

/* Every other string is ours: nothing to escape. */
static void print_status_json(const struct status *status, bool redact)
{
	size_t count;
	const struct feature *features = features_list(&count);
	char absence[256], path[8192], directions[DIRECTIONS_TEXT];

	printf("{\"running\":%s,\"pid\":", status->pid ? "true" : "false");
	printf(status->pid ? "%d" : "null", status->pid);
	escape_json(path, sizeof(path), status->unfinished ?: "",
		    strlen(status->unfinished ?: ""));
	printf(status->unfinished ? ",\"unfinished\":\"%s\"" : ",\"unfinished\":null", path);
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
	printf("],\"on_state\":{\"attached\":%s,\"why\":\"%s\"}",
	       has_state(status) ? "true" : "false",
	       status->object ? state_reason(status) : "");
	printf(",\"login_grace\":%s", !needs_run(status, true) ? "null"
				      : status->pid            ? "true"
							       : "false");
	printf(",\"excess_held\":%s", !needs_run(status, false) ? "null"
				      : status->pid             ? "true"
								: "false");
	directions_format(status->policy.control.directions, "\",\"", directions);
	printf(*directions ? ",\"directions\":[\"%s\"],\"totals\":["
			   : ",\"directions\":[],\"totals\":[",
	       directions);
	print_json_totals(status);
	printf("],\"labels_untrusted\":[");
	print_json_strangers(status);
	printf("],\"last_reload\":");
	print_json_reload(status, redact);
	status_fleet_json(&status->fleet, redact);
	printf(",\"features\":[");
	for (size_t i = 0; i < count; i++)
		printf("%s{\"feature\":\"%s\",\"found\":%s,\"needed_for\":\"%s\","
		       "\"without\":\"%s\"}",
		       i ? "," : "", features[i].name, features[i].error ? "false" : "true",
		       features[i].needed_for,
		       feature_absence(&features[i], absence, sizeof(absence)));
	printf("]}\n");
}

int status_print(bool json, bool redact)
{
	static struct status status; /* large */
	int error;

	if (probe_privileges())
		return EXIT_FAILED;
	error = gather_status(&status);
	/* What the kernel lacks is shown even if that is why nothing else can be. */
	if (json && (!error || error == -ENOTSUP))
		print_status_json(&status, redact);
	else if (!error || error == -ENOTSUP)
		print_status_text(&status);
	free(status.links);
	headcount_bpf__destroy(status.object);
	/* For scripts: does anything count and cap? */
	return error || !(status.pid || status.pinned || status.links_count) ? EXIT_FAILED
									     : EXIT_DONE;
}

int cmd_status(const struct command *command, int argc, char **argv)
{
	bool json = false;
	const struct command_option options[] = {
		OPTION_FLAG("json", 'j', "print a JSON object", &json),
		{},
	};
	int first, code;

	if (command_options(command, options, argc, argv, 0, &first, &code))
		return code;
	return status_print(json, false);
}
