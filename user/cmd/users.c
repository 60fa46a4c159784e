// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/escape.h"
#include "user/base/human.h"
#include "user/base/log.h"
#include "user/base/table.h"
#include "user/base/user_name.h"
#include "user/base/words.h"
#include "user/cmd/command.h"
#include "user/cmd/explain.h"
#include "user/cmd/fleet.h"
#include "user/kernel/open.h"
#include "user/kernel/policy_caps.h"
#include "user/kernel/totals_maps.h"
#include "user/sessions/view.h"

static const struct table_column columns[] = {
	{.heading = "SERVICE", .key = "service"},
	{.heading = "USER", .key = "user"},
	{.heading = "ACTIVE", .key = "active", .kind = TABLE_NUMBER},
	{.heading = "CAP", .key = "cap", .kind = TABLE_NUMBER},
	{.heading = "PEAK", .key = "peak", .kind = TABLE_NUMBER},
	{.heading = "OPENED", .key = "opened", .kind = TABLE_NUMBER},
	{.heading = "REFUSED", .key = "refused", .kind = TABLE_NUMBER},
	{.heading = "OVERRIDE"},
	{.key = "excess"},
	{.key = "idle_s", .kind = TABLE_NUMBER},
};

/* For people what the user's override says besides a cap; for programs what holds. */
static void add_special(struct table *table, const struct headcount_bpf *object,
			const struct policy *policy, const struct hc_user_key *key)
{
	const struct hc_service *service = &policy->services[key->service];
	char text[96], time[HUMAN_TEXT] = "never";
	struct hc_override found;
	const char *excess;
	__u32 idle;

	policy_special(object, policy, key, &found);
	idle = found.idle ?: service->idle;
	if (found.idle != HC_UNLIMITED)
		human_duration(found.idle, time);
	excess = explain_excess(found.traits);
	snprintf(text, sizeof(text), "%s%s%s%s%s",
		 found.traits & HC_EXEMPT ? " total=exempt" : "", found.idle ? " idle=" : "",
		 found.idle ? time : "", excess ? " excess=" : "", excess ?: "");
	table_add_text(table, *text ? text + 1 : NULL);
	table_add_text(table, excess ?: word_of_excess(service->excess));
	if (idle && idle != HC_UNLIMITED)
		table_add_number(table, idle);
	else
		table_add_text(table, NULL);
}

static void add_user_row(struct table *table, const struct headcount_bpf *object,
			 const struct policy *policy, const struct hc_user *user, bool json)
{
	char name[HC_USER_TEXT];

	table_add_text(table, policy->services[user->key.service].name);
	table_add_text(table, user_key_format(&user->key, !json, name, sizeof(name)));
	table_add_number(table, hc_user_active(user));
	explain_limit(table, user->cap);
	table_add_number(table, user->peak);
	table_add_number(table, user->opened);
	table_add_number(table, user->refused);
	add_special(table, object, policy, &user->key);
}

/* A user's REFUSED does not say which refusals were the total's. */
static int print_totals(const struct headcount_bpf *object, const struct policy *policy,
			int service)
{
	struct service_total *totals = calloc(HC_SERVICES_MAX, sizeof(*totals));
	int error = totals ? totals_of_services(object, policy, totals)
			   : hc_error_errno(ENOMEM, "cannot print the totals");
	char name[4 * HC_NAME_MAX];
	bool any = false;

	for (int id = 0; id < HC_SERVICES_MAX && !error; id++) {
		const struct hc_service *row = &policy->services[id];

		if (!row->used || row->total == HC_UNLIMITED || (service >= 0 && service != id))
			continue;
		escape_text(name, sizeof(name), row->name, strlen(row->name));
		printf("%s%s: %u of %u in total, %llu refused by it\n", any ? "" : "\n", name,
		       totals[id].active, row->total, totals[id].refused);
		any = true;
	}
	free(totals);
	return error;
}

static int print_users(const struct headcount_bpf *object, const struct policy *policy,
		       int service, bool json)
{
	struct table *table = table_new(columns, sizeof(columns) / sizeof(columns[0]));
	struct state_user *users = NULL;
	size_t count = 0;
	int error = table ? 0 : hc_error_errno(ENOMEM, "cannot print the users");

	error = error ?: users_view_read(object, policy, service, &users, &count);
	if (count)
		qsort(users, count, sizeof(*users), users_by_activity);
	for (size_t i = 0; i < count; i++)
		add_user_row(table, object, policy, &users[i].user, json);
	if (!error && table_print(table, stdout, json))
		error = hc_error_errno(ENOMEM, "cannot print the users");
	if (!json)
		error = error ?: print_totals(object, policy, service);
	free(users);
	table_free(table);
	return error;
}

int cmd_users(const struct command *command, int argc, char **argv)
{
	const char *service = NULL;
	struct fleet_options fleet = {};
	bool json = false;
	const struct command_option options[] = {
		OPTION_TEXT("service", 's', "SERVICE", "only this service's users", &service),
		FLEET_OPTIONS(&fleet),
		OPTION_FLAG("json", 'j', "print a JSON array", &json),
		{},
	};
	struct headcount_bpf *object = NULL;
	struct policy *policy = NULL;
	int first, status, id = -1, error;

	if (command_options(command, options, argc, argv, 0, &first, &status))
		return status;
	if (fleet_options_check(&fleet, command->name))
		return EXIT_USAGE;
	if (fleet.on)
		return fleet_users(&fleet, options, json);
	error = open_maps(&object, 0);
	error = error ?: policy_read_new(object, &policy);
	if (!error && service && (id = policy_find(policy, service)) < 0)
		error = hc_error("no service %s is in force", service);
	error = error ?: print_users(object, policy, id, json);
	free(policy);
	headcount_bpf__destroy(object);
	return error ? EXIT_FAILED : EXIT_DONE;
}
