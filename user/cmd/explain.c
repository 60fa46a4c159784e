// SPDX-License-Identifier: GPL-2.0-only
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "event_ring.h"
#include "keepalive.h"
#include "record.h"
#include "user/base/account.h"
#include "user/base/escape.h"
#include "user/base/human.h"
#include "user/base/table.h"
#include "user/base/user_name.h"
#include "user/base/words.h"
#include "user/cmd/advise.h"
#include "user/cmd/explain.h"
#include "user/daemon/open_files.h"
#include "user/kernel/load.h"
#include "user/kernel/service_text.h"
#include "user/sessions/idle.h"

static const struct table_column columns[] = {
	{.heading = "SERVICE"},
	{.heading = "LISTEN"},
	{.heading = "USER"},
	{.heading = "CAP", .kind = TABLE_NUMBER},
	{.heading = "TOTAL", .kind = TABLE_NUMBER},
	{.heading = "EXCESS"},
	{.heading = "OVERRIDES", .kind = TABLE_NUMBER},
	{.heading = "EMIT"},
	{.heading = "ORPHANS"},
	{.heading = "KEEPALIVE"},
	{.heading = "IDLE"},
};

static const struct table_column override_columns[] = {
	{.heading = "OVERRIDE IN"},
	{.heading = "OF"},
	{.heading = "CAP", .kind = TABLE_NUMBER},
	{.heading = "TOTAL"},
	{.heading = "IDLE"},
	{.heading = "EXCESS"},
};

void explain_limit(struct table *table, __u32 limit)
{
	if (limit == HC_UNLIMITED)
		table_add_text(table, NULL);
	else
		table_add_number(table, limit);
}

void explain_seconds(struct table *table, __u32 seconds)
{
	char text[HUMAN_TEXT];

	table_add_text(table, seconds ? human_duration(seconds, text) : NULL);
}

void explain_traits(struct table *table, __u32 traits, __u32 idle)
{
	table_add_text(table, traits & HC_EXEMPT ? "exempt" : NULL);
	if (idle == HC_UNLIMITED)
		table_add_text(table, "never");
	else
		explain_seconds(table, idle);
	table_add_text(table, explain_excess(traits));
}

const char *explain_excess(__u32 traits)
{
	__u32 own = (traits & HC_EXCESS_MASK) >> HC_EXCESS_SHIFT;

	return own ? word_of_excess(own - 1) : NULL;
}

static void add_listen_cell(struct table *table, const struct config_service *service)
{
	char text[512] = "", end[LISTEN_TEXT];
	size_t used = 0;

	for (size_t i = 0; i < service->listens && used < sizeof(text) - 80; i++) {
		const struct config_listen *listen = &service->listen[i];

		used += snprintf(
			text + used, sizeof(text) - used, "%s%s", i ? " " : "",
			listen_format(listen->address, listen->port, listen->last, end));
	}
	table_add(table, "%s%s", text, used >= sizeof(text) - 80 ? " ..." : "");
}

/* What the file's author chose, for a terminal. */
static void print_escaped(const char *text)
{
	char escaped[4 * PATH_MAX];

	escape_text(escaped, sizeof(escaped), text, strlen(text));
	printf(" %s", escaped);
}

void explain_limits(struct table *table, const struct hc_service *service)
{
	char user[SERVICE_USER_TEXT];

	table_add_text(table, service_user_format(service, user));
	explain_limit(table, service->cap);
	explain_limit(table, service->total);
	table_add_text(table, word_of_excess(service->excess));
}

static void explain_events(const struct sink_list *list)
{
	char text[PATH_MAX + 16];

	printf("\nevents go to%s", list->count ? "" : " nobody");
	for (size_t i = 0; i < list->count; i++) {
		printf(i ? "," : "");
		print_escaped(sink_spec_format(&list->items[i], text, sizeof(text)));
		if (list->items[i].kind != SINK_UNIX)
			continue;
		printf(" (mode %04o", list->mode);
		if (list->group != (gid_t)-1)
			printf(", group %u", list->group);
		printf(")");
	}
}

static void explain_overrides(const struct config *config)
{
	struct table *table = table_new(override_columns,
					sizeof(override_columns) / sizeof(override_columns[0]));
	char user[HC_USER_TEXT];
	size_t count = 0;

	for (size_t i = 0; table && i < config->service_count; i++) {
		const struct config_service *service = &config->services[i];

		for (size_t j = 0; j < service->override_count; j++, count++) {
			const struct config_override *override = &service->overrides[j];

			table_add_text(table, service->service.name);
			table_add_text(table,
				       user_override_format(&override->key, &override->label,
							    override->bits, true, user,
							    sizeof(user)));
			explain_limit(table, override->cap);
			explain_traits(table, override->traits, override->idle);
		}
	}
	if (count)
		printf("\n");
	if (count && table)
		table_print(table, stdout, false);
	table_free(table);
}

static void explain_labellers(const struct config_service *service)
{
	printf("\n%s: labels are taken from servers whose listening socket belongs to ",
	       service->service.name);
	if (service->labeller_any)
		printf("anybody");
	else if (!service->labeller_count)
		printf("root or a system account (uid up to %u), and on privileged ports to "
		       "anybody",
		       service->service.labeller_max);
	for (size_t i = 0; i < service->labeller_count; i++) {
		const char *name = account_name(service->labellers[i]);

		printf("%suid %u", i ? ", " : "", service->labellers[i]);
		if (*name)
			print_escaped(name);
	}
}

static void explain_labels(const struct config *config)
{
	for (size_t i = 0; i < config->service_count; i++) {
		const struct hc_service *service = &config->services[i].service;

		if (service->identify != HC_BY_LABEL)
			continue;
		printf("\n%s: without a label one client may have ", service->name);
		if (service->unlabelled == HC_UNLIMITED)
			printf("any number of sessions");
		else
			printf("%u sessions", service->unlabelled);
		if (service->login_grace)
			printf(", each for %u seconds", service->login_grace);
		explain_labellers(&config->services[i]);
	}
}

static void explain_memory(const struct config *config)
{
	const double MiB = 1 << 20;
	double users = load_user_sets(config->users_max) * (double)sizeof(struct hc_user_set);
	double sessions =
		load_session_sets(config->sessions_max) * (double)sizeof(struct hc_session_set);
	double rings = sizeof(struct hc_event_ring) +
		       HC_EVENT_SLOTS * (double)sizeof(struct hc_event_slot) + HC_REFUSALS_SIZE;
	bool labels = false;

	for (size_t i = 0; i < config->service_count; i++)
		labels |= config->services[i].service.identify == HC_BY_LABEL;
	printf("\nkernel memory: %.1f MiB for %u sessions, %.1f MiB for %u users, ",
	       sessions / MiB, config->sessions_max, users / MiB, config->users_max);
	if (labels)
		printf("%.1f MiB for their labels, ", load_user_sets(config->users_max) *
							      HC_WAYS *
							      sizeof(struct hc_label) / MiB);
	printf("%.1f MiB of event rings, and what up to %u listening sockets%s take\n",
	       rings / MiB, config->listeners_max,
	       labels ? " and sessions that get labels" : "");
}

/* What becomes of whoever is over the cap. */
static void explain_holding(const struct config_service *from)
{
	const struct hc_service *service = &from->service;
	char wait[HUMAN_TEXT], idle[HUMAN_TEXT], where[REDIRECT_TEXT];

	human_duration(service->wait_max, wait);
	if (config_service_has_excess(from, HC_WAIT))
		printf("\nwait in %s: who is over the cap gets in by trying again, as clients "
		       "do, and is refused after %s",
		       service->name, wait);
	if (config_service_has_excess(from, HC_EVICT))
		printf("\nevict in %s: a session makes room whose peer is dead, or that has "
		       "been idle for %s, at most %u a minute and user; who waits longer than "
		       "%s is refused",
		       service->name, human_duration(service->evict_idle, idle),
		       service->evict_rate, wait);
	if (!config_service_has_excess(from, HC_REDIRECT))
		return;
	printf("\nredirect in %s: who is over the cap reaches %s", service->name,
	       redirect_format(&service->redirect, where));
	if (!from->answer_path)
		return;
	printf(", the %zu bytes of", from->answer_size);
	print_escaped(from->answer_path);
}

/* What it turns into (keepalive.h). */
static void explain_keepalive(const struct hc_service *service)
{
	char all[HUMAN_TEXT], silence[HUMAN_TEXT], interval[HUMAN_TEXT], gone[HUMAN_TEXT];
	__u32 seconds = service->keepalive;

	printf("\nkeepalive in %s: a peer that is silent for %s is probed every %s; the "
	       "session "
	       "ends when it has been silent, or what was sent unacknowledged, for %s, both "
	       "together within %s",
	       service->name, human_duration(hc_keepalive_silence(seconds), silence),
	       human_duration(hc_keepalive_interval(seconds), interval),
	       human_duration(hc_keepalive_gone(seconds), gone), human_duration(seconds, all));
}

static void explain_idle(const struct config *config)
{
	__u32 least = idle_least(config);
	char text[HUMAN_TEXT];

	if (least)
		printf("\nidle sessions are looked for every %.1f s, a tenth of %s",
		       least / 10.0, human_duration(least, text));
}

static void explain_directions(const struct config *config)
{
	if (!config_wants(config, HC_OUTBOUND))
		printf("\noutbound sessions are not counted");
	if (!config_wants(config, HC_INBOUND)) {
		printf("\ninbound sessions are not counted");
		return;
	}
	printf("\ninbound services hold in %s",
	       config->netns_count ? "the network namespaces" : "the network namespace of run");
	for (size_t i = 0; i < config->netns_count; i++)
		print_escaped(config->netns[i]);
}

static void explain_metrics(const struct config *config)
{
	if (!*config->metrics.text)
		return;
	printf("\nmetrics at %s, %u users by name", config->metrics.text,
	       config->metrics_top_users);
	if (config_has_page(&config->metrics))
		printf("\npage at the same address, /: it names users and addresses to "
		       "whoever can ask there");
	else
		printf("\nno page there%s",
		       config->metrics.page == CONFIG_PAGE_NO
			       ? ""
			       : ", as other hosts can ask (page = yes serves it)");
}

static void explain_fleet_service(const struct hc_service *service)
{
	if (!service->fleet)
		return;
	printf("\nfleet in %s: its caps are of all hosts together; a user's first session %s; "
	       "without a store ",
	       service->name,
	       service->cold == HC_COLD_WAIT
		       ? "waits for the store, until it is sent again"
		       : "is admitted, and closed if the store has no unit (while it is "
			 "silent or learns, it waits)");
	if (service->alone == HC_ALONE_REFUSE)
		printf("all are refused");
	else if (service->alone == HC_ALONE_CLOSE)
		printf("all are refused, and the sessions here are closed once the lease is "
		       "over");
	else if (service->alone == HC_ALONE_ADMIT)
		printf("each user may have the whole cap here");
	else if (service->cap_alone)
		printf("each user may have %u here, or its cap if that is less",
		       service->cap_alone);
	else
		printf("each user may have the cap divided by the number of hosts here, at "
		       "least 1");
}

static void explain_fleet(const struct config *config)
{
	const struct config_fleet *fleet = &config->fleet;
	char store[STORE_ADDRESS_TEXT], lease[HUMAN_TEXT], keep[HUMAN_TEXT];

	for (size_t i = 0; i < config->service_count; i++)
		explain_fleet_service(&config->services[i].service);
	if (!config_has_fleet(config))
		return;
	printf("\nfleet: this host is %s; lease %s, idle units go back after %s, at most %u "
	       "asks a second, other hosts %s have sessions closed here; store",
	       fleet->name, human_duration(fleet->lease, lease),
	       human_duration(fleet->keep, keep), fleet->asks, fleet->kill ? "may" : "may not");
	for (size_t i = 0; i < fleet->store_count; i++) {
		printf(i ? ";" : "");
		print_escaped(store_address_format(&fleet->stores[i], store, sizeof(store)));
	}
}

void explain(const struct config *config, const char *path)
{
	struct table *table = table_new(columns, sizeof(columns) / sizeof(columns[0]));

	printf("%s: correct\n\n", path ?: "no file, defaults");
	for (size_t i = 0; table && i < config->service_count; i++) {
		const struct config_service *service = &config->services[i];
		char emit[SERVICE_EMIT_TEXT];

		if (!service->service.used)
			continue;
		table_add_text(table, service->service.name);
		add_listen_cell(table, service);
		explain_limits(table, &service->service);
		table_add_number(table, service->override_count);
		table_add_text(table, service_emit_format(service->service.mute, " ", emit));
		table_add_text(table, service->service.orphans == HC_ORPHANS_IGNORE ? "ignore"
										    : "count");
		explain_seconds(table, service->service.keepalive);
		explain_seconds(table, service->service.idle);
	}
	if (table)
		table_print(table, stdout, false);
	table_free(table);
	explain_overrides(config);
	explain_labels(config);
	for (size_t i = 0; i < config->service_count; i++)
		if (config->services[i].service.used && config->services[i].service.keepalive)
			explain_keepalive(&config->services[i].service);
	explain_idle(config);
	for (size_t i = 0; i < config->service_count; i++)
		explain_holding(&config->services[i]);
	explain_fleet(config);
	explain_directions(config);
	explain_events(&config->events);
	explain_metrics(config);
	printf("\nopen files: %llu at most, with %u subscribers of sockets and %u connections "
	       "for "
	       "metrics",
	       open_files_needed(config, config, 0), config->events.subscribers_max,
	       config->metrics.max);
	explain_memory(config);
	advise(config);
}
