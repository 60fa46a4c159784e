// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>

#include "user/base/human.h"
#include "user/base/table.h"
#include "user/base/words.h"
#include "user/cmd/explain.h"
#include "user/cmd/policy_services.h"
#include "user/kernel/service_text.h"

static const struct table_column service_columns[] = {
	{.heading = "SERVICE", .key = "service"},
	{.heading = "LISTEN"},
	{.heading = "USER", .key = "user"},
	{.heading = "CAP", .key = "cap", .kind = TABLE_NUMBER},
	{.heading = "TOTAL", .key = "total", .kind = TABLE_NUMBER},
	{.key = "total_active", .kind = TABLE_NUMBER},
	{.key = "total_refused", .kind = TABLE_NUMBER},
	{.heading = "EXCESS"},
	{.key = "excess"},
	{.heading = "ERRNO", .key = "errno"},
	{.heading = "ORPHANS", .key = "orphans"},
	{.heading = "EMIT"},
	{.key = "emit_opened", .kind = TABLE_BOOL},
	{.key = "emit_closed", .kind = TABLE_BOOL},
	{.key = "emit_refused", .kind = TABLE_BOOL},
	{.key = "unlabelled", .kind = TABLE_NUMBER},
	{.key = "login_grace", .kind = TABLE_NUMBER},
	{.key = "labellers"},
	{.key = "labeller_uid_max", .kind = TABLE_NUMBER},
	{.heading = "KEEPALIVE"},
	{.key = "keepalive_s", .kind = TABLE_NUMBER},
	{.heading = "IDLE"},
	{.key = "idle_s", .kind = TABLE_NUMBER},
	{.key = "wait_max_s", .kind = TABLE_NUMBER},
	{.key = "evict_idle_s", .kind = TABLE_NUMBER},
	{.key = "evict_rate", .kind = TABLE_NUMBER},
	{.key = "redirect"},
	{.heading = "SCOPE", .key = "scope"},
	{.key = "cold"},
	{.key = "alone"},
	{.key = "cap_alone", .kind = TABLE_NUMBER},
};

static void add_listens(struct table *table, const struct policy_view *view, int id)
{
	char text[512] = "", one[LISTEN_TEXT];
	size_t used = 0;

	for (size_t i = 0; i < view->listen_count; i++) {
		const struct policy_listen *listen = &view->listens[i];

		if (listen->service != id)
			continue;
		if (used > sizeof(text) - LISTEN_TEXT - 8) {
			strcpy(text + used, " ...");
			break;
		}
		listen_format(listen->address, listen->first, listen->last, one);
		used += sprintf(text + used, "%s%s", used ? " " : "", one);
	}
	table_add_text(table, text);
}

/* For people, and for programs. */
static void add_seconds(struct table *table, __u32 seconds)
{
	explain_seconds(table, seconds);
	if (seconds)
		table_add_number(table, seconds);
	else
		table_add_text(table, NULL);
}

/* For people with what matters of it, and for programs. */
static void add_excess(struct table *table, const struct hc_service *service)
{
	const char *word = word_of_excess(service->excess);
	char detail[REDIRECT_TEXT > HUMAN_TEXT ? REDIRECT_TEXT : HUMAN_TEXT] = "";

	if (service->excess == HC_REDIRECT)
		redirect_format(&service->redirect, detail);
	else if (service->excess == HC_WAIT)
		human_duration(service->wait_max, detail);
	else if (service->excess == HC_EVICT)
		human_duration(service->evict_idle, detail);
	table_add(table, "%s%s%s", word, *detail ? " " : "", detail);
	table_add_text(table, word);
}

/* For programs: how the excess is held, where that may be. */
static void add_holding(struct table *table, const struct hc_service *service)
{
	char where[REDIRECT_TEXT];

	for (int i = 0; i < 3 && !service->holding; i++)
		table_add_text(table, NULL);
	if (service->holding) {
		table_add_number(table, service->wait_max);
		table_add_number(table, service->evict_idle);
		table_add_number(table, service->evict_rate);
	}
	redirect_format(&service->redirect, where);
	table_add_text(table, *where ? where : NULL);
}

/* For programs: of a cap of the fleet, what holds until the store has answered, and without
 * it. */
static void add_fleet(struct table *table, const struct hc_service *service)
{
	table_add_text(table, service->fleet ? "fleet" : "host");
	table_add_text(table, service->fleet ? word_of_cold(service->cold) : NULL);
	table_add_text(table, service->fleet ? word_of_alone(service->alone) : NULL);
	if (service->fleet && service->cap_alone)
		table_add_number(table, service->cap_alone);
	else
		table_add_text(table, NULL);
}

/* Whose servers may give labels: those of a list, the system's, or everybody's. */
static const char *labellers_word(const struct hc_service *service)
{
	if (service->listed)
		return "listed";
	return service->labeller_max == HC_UID_UNKNOWN ? "everybody" : "system";
}

static void add_labels(struct table *table, const struct hc_service *service)
{
	bool labels = service->identify == HC_BY_LABEL;

	explain_limit(table, labels ? service->unlabelled : HC_UNLIMITED);
	if (labels)
		table_add_number(table, service->login_grace);
	else
		table_add_text(table, NULL);
	table_add_text(table, labels ? labellers_word(service) : NULL);
	if (labels && !strcmp(labellers_word(service), "system"))
		table_add_number(table, service->labeller_max);
	else
		table_add_text(table, NULL);
}

static void add_service(struct table *table, const struct policy_view *view,
			const struct service_total *total, int id)
{
	const struct hc_service *service = &view->policy.services[id];
	char user[SERVICE_USER_TEXT], emit[SERVICE_EMIT_TEXT];

	table_add_text(table, service->name);
	add_listens(table, view, id);
	table_add_text(table, service_user_format(service, user));
	explain_limit(table, service->cap);
	explain_limit(table, service->total);
	if (service->total == HC_UNLIMITED) {
		table_add_text(table, NULL);
		table_add_text(table, NULL);
	} else {
		table_add_number(table, total->active);
		table_add_number(table, total->refused);
	}
	add_excess(table, service);
	table_add_text(table,
		       id == HC_OUTBOUND_SERVICE ? config_errno_name(service->error) : NULL);
	table_add_text(table, service->orphans == HC_ORPHANS_IGNORE ? "ignore" : "count");
	table_add_text(table, service_emit_format(service->mute, " ", emit));
	for (int type = HC_OPENED; type <= HC_REFUSED; type++)
		table_add_text(table, service->mute & MUTE_OF_ACTION(type) ? "no" : "yes");
	add_labels(table, service);
	add_seconds(table, service->keepalive);
	add_seconds(table, service->idle);
	add_holding(table, service);
	add_fleet(table, service);
}

struct table *policy_services_table(const struct policy_view *view,
				    const struct service_total *totals)
{
	struct table *table =
		table_new(service_columns, sizeof(service_columns) / sizeof(*service_columns));

	for (int id = 0; table && id < HC_SERVICES_MAX; id++)
		if (view->policy.services[id].used)
			add_service(table, view, &totals[id], id);
	return table;
}
