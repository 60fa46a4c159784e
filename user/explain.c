// SPDX-License-Identifier: GPL-2.0-only
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "address.h"
#include "explain.h"
#include "load.h"
#include "put.h"
#include "record.h"
#include "table.h"
#include "user_name.h"

static const struct table_column columns[] = {
	{"SERVICE", "", TABLE_TEXT, false, false},     {"LISTEN", "", TABLE_TEXT, false, false},
	{"USER", "", TABLE_TEXT, false, false},        {"CAP", "", TABLE_NUMBER, false, false},
	{"TOTAL", "", TABLE_NUMBER, false, false},     {"EXCESS", "", TABLE_TEXT, false, false},
	{"OVERRIDES", "", TABLE_NUMBER, false, false}, {"EMIT", "", TABLE_TEXT, false, false},
};

static void add_cap(struct table *table, __u32 cap)
{
	if (cap == HC_UNLIMITED)
		table_add_text(table, NULL);
	else
		table_add(table, "%u", cap);
}

static void add_listen(struct table *table, const struct config_service *service)
{
	char text[512] = "", end[END_TEXT];
	size_t used = 0;

	for (size_t i = 0; i < service->listens && used < sizeof(text) - 80; i++) {
		const struct config_listen *listen = &service->listen[i];

		if (!address_is_known(listen->address) && !address_is_ipv4(listen->address))
			snprintf(end, sizeof(end), "%u", listen->port);
		else
			end_format(listen->address, listen->port, end);
		used += snprintf(text + used, sizeof(text) - used, "%s%s", i ? " " : "", end);
	}
	table_add(table, "%s%s", text, used >= sizeof(text) - 80 ? " ..." : "");
}

static void add_user(struct table *table, const struct hc_service *service)
{
	if (service->identify == HC_BY_UID)
		table_add(table, "uid");
	else if (service->identify == HC_BY_CGROUP)
		table_add(table, "cgroup");
	else
		table_add(table, "client/%u/%u", service->prefix4, service->prefix6);
}

static void add_emit(struct table *table, __u8 mute)
{
	static const char *const words[] = {" opened", " closed", " refused"};
	char text[32] = "";

	for (int i = 0; i < 3; i++)
		if (!(mute & 1 << i))
			strcat(text, words[i]);
	table_add_text(table, *text ? text + 1 : "none");
}

void explain_limits(struct table *table, const struct hc_service *service)
{
	add_user(table, service);
	add_cap(table, service->cap);
	add_cap(table, service->total);
	table_add(table, service->excess == HC_OBSERVE ? "observe" : "reject");
}

static void explain_events(const struct sink_list *list)
{
	char text[PATH_MAX + 16];

	printf("\nevents go to%s", list->count ? "" : " nobody");
	for (size_t i = 0; i < list->count; i++) {
		printf("%s %s", i ? "," : "",
		       sink_spec_format(&list->items[i], text, sizeof(text)));
		if (list->items[i].kind != SINK_UNIX)
			continue;
		printf(" (mode %04o", list->mode);
		if (list->group != (gid_t)-1)
			printf(", group %u", list->group);
		printf(")");
	}
}

void explain(const struct config *config, const char *path)
{
	struct table *table = table_new(columns, sizeof(columns) / sizeof(columns[0]));
	double users = load_user_sets(config->users_max) * (double)sizeof(struct hc_user_set);
	double sessions =
		load_session_sets(config->sessions_max) * (double)sizeof(struct hc_session_set);

	printf("%s: correct\n\n", path ?: "no file, the defaults");
	for (size_t i = 0; table && i < config->service_count; i++) {
		const struct config_service *service = &config->services[i];

		table_add_text(table, service->service.name);
		add_listen(table, service);
		explain_limits(table, &service->service);
		table_add(table, "%zu", service->override_count);
		add_emit(table, service->service.mute);
	}
	if (table)
		table_print(table, stdout, false);
	table_free(table);
	printf("\ninbound services hold in %s",
	       config->netns_count ? "the network namespaces" : "the network namespace of run");
	for (size_t i = 0; i < config->netns_count; i++)
		printf(" %s", config->netns[i]);
	explain_events(&config->events);
	if (*config->metrics.text)
		printf("\nmetrics at %s, %u users by name", config->metrics.text,
		       config->metrics_top_users);
	printf("\nkernel memory: %.1f MiB for %u sessions, %.1f MiB for %u users, 8.5 MiB of "
	       "event rings\n",
	       sessions / (1 << 20), config->sessions_max, users / (1 << 20),
	       config->users_max);
}
