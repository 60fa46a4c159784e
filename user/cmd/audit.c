// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "user/base/log.h"
#include "user/base/table.h"
#include "user/base/user_name.h"
#include "user/cmd/command.h"
#include "user/kernel/open.h"
#include "user/kernel/policy_maps.h"
#include "user/sessions/audit.h"

static const char *const kinds[] = {
	[AUDIT_MISSING] = "missing",
	[AUDIT_STALE] = "stale",
	[AUDIT_WRONG] = "wrong",
};

static const struct table_column columns[] = {
	{.heading = "WHAT", .key = "kind"},
	{.heading = "SERVICE", .key = "service"},
	{.heading = "USER", .key = "user"},
	{.heading = "SESSION", .key = "id", .kind = TABLE_NUMBER},
	{.heading = "COUNTS TOO MANY", .kind = TABLE_NUMBER},
	{.key = "change", .kind = TABLE_NUMBER},
};

static void add_difference_row(struct table *table, const struct policy *policy, bool json,
			       const struct audit_difference *difference)
{
	const struct hc_user_key *user = &difference->user;
	bool wrong = difference->kind == AUDIT_WRONG;
	char text[HC_USER_TEXT];

	table_add_text(table, kinds[difference->kind]);
	if (difference->kind == AUDIT_MISSING) {
		table_add_text(table, NULL);
		table_add_text(table, NULL);
	} else {
		table_add_text(table, policy->services[user->service % HC_SERVICES_MAX].name);
		table_add_text(table, user_key_format(user, !json, text, sizeof(text)));
	}
	if (wrong)
		table_add_text(table, NULL);
	else
		table_add_number(table, difference->id);
	if (wrong)
		table_add(table, "%d", -difference->change);
	else
		table_add_text(table, NULL);
	table_add(table, "%d", difference->change);
}

static void print_sums(const struct audit *audit, bool json)
{
	if (json) {
		printf("{\"checked\":%zu,\"missing\":%zu,\"stale\":%zu,\"wrong\":%zu,"
		       "\"repaired\":%zu,\"unreachable\":%zu,\"differences\":",
		       audit->checked, audit->missing, audit->stale, audit->wrong,
		       audit->repaired, audit->unreachable);
		return;
	}
	printf("%zu sessions checked against the kernel's sockets\n", audit->checked);
	printf("%8zu missing: sockets that are not counted\n", audit->missing);
	printf("%8zu stale: counted, but the socket is gone\n", audit->stale);
	printf("%8zu wrong: users whose count differs from their sessions\n", audit->wrong);
	printf("%8zu unreachable: in a network namespace that cannot be entered\n",
	       audit->unreachable);
	printf("%8zu repaired\n", audit->repaired);
}

static int print_audit(const struct headcount_bpf *object, const struct audit *audit, bool json)
{
	struct table *table = table_new(columns, sizeof(columns) / sizeof(columns[0]));
	struct policy *policy = NULL;
	int error = table ? 0 : hc_error_errno(ENOMEM, "cannot print the audit");

	error = error ?: policy_read_new(object, &policy);
	for (size_t i = 0; i < audit->count && !error; i++)
		add_difference_row(table, policy, json, &audit->differences[i]);
	if (!error) {
		print_sums(audit, json);
		if ((json || audit->count) && table_print(table, stdout, json))
			error = hc_error_errno(ENOMEM, "cannot print the audit");
		if (json)
			printf("}\n");
	}
	free(policy);
	table_free(table);
	return error;
}

int cmd_audit(const struct command *command, int argc, char **argv)
{
	bool json = false, repair = false;
	const struct command_option options[] = {
		OPTION_FLAG("repair", 'r', "correct differences", &repair),
		OPTION_FLAG("json", 'j', "print a JSON object", &json),
		{},
	};
	struct headcount_bpf *object = NULL;
	struct audit audit = {};
	int first, status, error;

	if (command_options(command, options, argc, argv, 0, &first, &status))
		return status;
	error = open_maps(&object, LOAD_WALK_SOCKETS);
	error = error ?: audit_run(object, repair, &audit);
	error = error ?: print_audit(object, &audit, json);
	free(audit.differences);
	headcount_bpf__destroy(object);
	if (error)
		return EXIT_FAILED;
	return audit.missing + audit.stale + audit.wrong > audit.repaired ? EXIT_FAILED
									  : EXIT_DONE;
}
