// SPDX-License-Identifier: GPL-2.0-only
/* What the kernel enforces now, whatever a file says. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/log.h"
#include "user/base/netns.h"
#include "user/base/table.h"
#include "user/base/user_name.h"
#include "user/cmd/command.h"
#include "user/cmd/explain.h"
#include "user/cmd/policy_services.h"
#include "user/kernel/open.h"
#include "user/kernel/policy_view.h"
#include "user/kernel/service_text.h"
#include "user/kernel/totals_maps.h"

#define COUNT(columns) (sizeof(columns) / sizeof((columns)[0]))

static const struct table_column listen_columns[] = {
	{.heading = "SERVICE", .key = "service"},
	{.heading = "ADDRESS", .key = "address"},
	{.heading = "PORT", .key = "port", .kind = TABLE_NUMBER},
	{.heading = "LAST", .key = "last_port", .kind = TABLE_NUMBER},
};

static const struct table_column override_columns[] = {
	{.heading = "SERVICE", .key = "service"},
	{.heading = "USER", .key = "user"},
	{.heading = "CAP", .key = "cap", .kind = TABLE_NUMBER},
	{.heading = "TOTAL"},
	{.heading = "IDLE"},
	{.heading = "EXCESS"},
	{.key = "total_exempt", .kind = TABLE_BOOL},
	{.key = "idle_s", .kind = TABLE_NUMBER},
	{.key = "idle_never", .kind = TABLE_BOOL},
	{.key = "excess"},
};

static const struct table_column labeller_columns[] = {
	{.heading = "SERVICE", .key = "service"},
	{.heading = "ACCOUNT"},
	{.key = "uid", .kind = TABLE_NUMBER},
};

static const struct table_column cap_columns[] = {
	{.heading = "SERVICE", .key = "service"},
	{.heading = "USER", .key = "user"},
	{.heading = "CAP", .key = "cap", .kind = TABLE_NUMBER},
	{.heading = "SINCE", .key = "since"},
	{.heading = "BY"},
	{.key = "uid", .kind = TABLE_NUMBER},
};

static const struct table_column netns_columns[] = {
	{.heading = "NETNS", .key = "netns", .kind = TABLE_NUMBER},
	{.heading = "NAME", .key = "name"},
};

static struct table *listens_table(const struct policy_view *view)
{
	struct table *table = table_new(listen_columns, COUNT(listen_columns));
	char text[ADDRESS_TEXT];

	for (size_t i = 0; table && i < view->listen_count; i++) {
		const struct policy_listen *listen = &view->listens[i];
		bool every = !memcmp(listen->address, (__u8[16]){}, sizeof(listen->address));

		table_add_text(table, view->policy.services[listen->service].name);
		table_add_text(table, every ? NULL : address_format(listen->address, text));
		table_add_number(table, listen->first);
		table_add_number(table, listen->last);
	}
	return table;
}

static void add_user(struct table *table, const struct policy_view *view,
		     const struct hc_user_key *key, bool json)
{
	char name[HC_USER_TEXT];

	table_add_text(table, view->policy.services[key->service].name);
	table_add_text(table, user_key_format(key, !json, name, sizeof(name)));
}

/* Seconds, and whether it is never. */
static void add_idle(struct table *table, __u32 idle)
{
	if (idle && idle != HC_UNLIMITED)
		table_add_number(table, idle);
	else
		table_add_text(table, NULL);
	table_add_text(table, idle == HC_UNLIMITED ? "yes" : "no");
}

static struct table *overrides_table(const struct policy_view *view, bool json)
{
	struct table *table = table_new(override_columns, COUNT(override_columns));
	char name[HC_USER_TEXT];

	for (size_t i = 0; table && i < view->override_count; i++) {
		const struct policy_override *override = &view->overrides[i];

		table_add_text(table, view->policy.services[override->key.service].name);
		table_add_text(table,
			       user_override_format(&override->key, &override->label,
						    override->bits, !json, name, sizeof(name)));
		explain_limit(table, override->value.cap);
		explain_traits(table, override->value.traits, override->value.idle);
		table_add_text(table, override->value.traits & HC_EXEMPT ? "yes" : "no");
		add_idle(table, override->value.idle);
		table_add_text(table, explain_excess(override->value.traits));
	}
	return table;
}

/* Those of services that list them; as text, the others' too. */
static struct table *labellers_table(const struct policy_view *view, bool json)
{
	struct table *table = table_new(labeller_columns, COUNT(labeller_columns));
	char name[HC_USER_TEXT];

	for (size_t i = 0; table && i < view->labeller_count; i++) {
		struct hc_user_key of = {.kind = HC_BY_UID, .uid = view->labellers[i].uid};

		table_add_text(table, view->policy.services[view->labellers[i].service].name);
		table_add_text(table, user_key_format(&of, true, name, sizeof(name)));
		table_add_number(table, of.uid);
	}
	for (int id = 0; table && !json && id < HC_SERVICES_MAX; id++) {
		const struct hc_service *service = &view->policy.services[id];

		if (!service->used || service->identify != HC_BY_LABEL || service->listed)
			continue;
		table_add_text(table, service->name);
		if (service->labeller_max == HC_UID_UNKNOWN)
			table_add_text(table, "everybody");
		else
			table_add(table, "uids up to %u; on privileged ports everybody",
				  service->labeller_max);
		table_add_number(table, service->labeller_max);
	}
	return table;
}

static struct table *caps_table(const struct policy_view *view, bool json)
{
	struct table *table = table_new(cap_columns, COUNT(cap_columns));
	char since[TIME_TEXT], name[HC_USER_TEXT];

	for (size_t i = 0; table && i < view->moment_count; i++) {
		const struct policy_moment *moment = &view->moments[i];
		struct hc_user_key by = {.kind = HC_BY_UID, .uid = moment->cap.asker};

		add_user(table, view, &moment->key, json);
		explain_limit(table, moment->cap.cap);
		table_add_text(table, time_format(moment->cap.set_ns, json, since));
		table_add_text(table, user_key_format(&by, true, name, sizeof(name)));
		table_add_number(table, moment->cap.asker);
	}
	return table;
}

static struct table *netns_table(const struct policy_view *view)
{
	struct table *table = table_new(netns_columns, COUNT(netns_columns));
	struct netns_list found = {};

	netns_find_all(&found);
	for (size_t i = 0; table && i < view->namespace_count; i++) {
		const char *name = NULL;

		for (size_t j = 0; j < found.count; j++)
			if (found.items[j].inode == view->namespaces[i])
				name = found.items[j].name;
		table_add_number(table, view->namespaces[i]);
		table_add_text(table, name && !*name ? "this one" : name);
	}
	netns_free(&found);
	return table;
}

/* Prints one of the tables after its title and frees it. */
static int print_part(struct table *table, const char *title, bool json)
{
	int error = table ? 0 : -ENOMEM;

	if (!error) {
		fputs(title, stdout);
		error = table_print(table, stdout, json);
	}
	table_free(table);
	return error;
}

static int print_policy_text(const struct policy_view *view, const struct service_total *totals)
{
	int error = print_part(policy_services_table(view, totals), "", false);

	if (view->override_count && !error)
		error = print_part(overrides_table(view, false), "\noverrides:\n", false);
	if (view->moment_count && !error)
		error = print_part(caps_table(view, false),
				   "\nset with headcount cap, above every override:\n", false);
	if (view->policy.control.labelling & 1u << policy_half(&view->policy) && !error)
		error = print_part(labellers_table(view, false),
				   "\nlabels are taken from servers that listen as:\n", false);
	if (!(view->policy.control.directions & 1u << HC_OUTBOUND))
		printf("\noutbound sessions are not counted\n");
	if (view->policy.control.directions & 1u << HC_INBOUND)
		return error
			       ?: print_part(netns_table(view), "\ninbound services hold in:\n",
					     false);
	printf("\ninbound sessions are not counted\n");
	return error;
}

static int print_policy_json(const struct policy_view *view, const struct service_total *totals)
{
	char directions[DIRECTIONS_TEXT];
	int error = print_part(policy_services_table(view, totals), "{\"services\":", true);

	error = error ?: print_part(listens_table(view), ",\"listen\":", true);
	error = error ?: print_part(overrides_table(view, true), ",\"overrides\":", true);
	error = error ?: print_part(caps_table(view, true), ",\"caps\":", true);
	error = error ?: print_part(labellers_table(view, true), ",\"labellers\":", true);
	error = error ?: print_part(netns_table(view), ",\"namespaces\":", true);
	printf(",\"directions\":[\"%s\"]}\n",
	       directions_format(view->policy.control.directions, "\",\"", directions));
	return error;
}

static int print_policy(const struct headcount_bpf *object, bool json)
{
	struct policy_view *view = policy_view_read(object);
	struct service_total *totals = calloc(HC_SERVICES_MAX, sizeof(*totals));
	int error = -EINVAL;

	if (view && totals)
		error = totals_of_services(object, &view->policy, totals);
	else if (view)
		error = hc_error_errno(ENOMEM, "cannot print the policy");
	if (!error) {
		error = json ? print_policy_json(view, totals)
			     : print_policy_text(view, totals);
		if (error)
			hc_error_errno(error, "cannot print the policy");
	}
	policy_view_free(view);
	free(totals);
	return error;
}

int cmd_policy(const struct command *command, int argc, char **argv)
{
	bool json = false;
	const struct command_option options[] = {
		OPTION_FLAG("json", 'j', "print a JSON object", &json),
		{},
	};
	struct headcount_bpf *object = NULL;
	int first, status, error;

	if (command_options(command, options, argc, argv, 0, &first, &status))
		return status;
	error = open_maps(&object, 0);
	error = error ?: print_policy(object, json);
	headcount_bpf__destroy(object);
	return error ? EXIT_FAILED : EXIT_DONE;
}
