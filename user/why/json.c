// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/escape.h"
#include "user/base/table.h"
#include "user/base/words.h"
#include "user/why/print.h"
#include "user/why/tables.h"

static const struct table_column finding_columns[] = {
	{.key = "finding"},
	{.key = "text"},
	{.key = "count", .kind = TABLE_NUMBER},
	{.key = "of", .kind = TABLE_NUMBER},
	{.key = "least_ms", .kind = TABLE_NUMBER},
	{.key = "most_ms", .kind = TABLE_NUMBER},
	{.key = "unanswered", .kind = TABLE_NUMBER},
	{.key = "rounds", .kind = TABLE_NUMBER},
	{.key = "burst", .kind = TABLE_NUMBER},
	{.key = "stale", .kind = TABLE_NUMBER},
	{.key = "others", .kind = TABLE_NUMBER},
	{.key = "address"},
	{.key = "process"},
	{.key = "pid", .kind = TABLE_NUMBER},
	{.key = "kept_by"},
};

static void put_member(const char *key, const char *text)
{
	char escaped[6 * HC_USER_TEXT];

	escape_json(escaped, sizeof(escaped), text, strlen(text));
	printf("\"%s\":\"%s\"", key, escaped);
}

static void put_cap_value(const char *key, __u32 cap)
{
	if (cap == HC_UNLIMITED)
		printf(",\"%s\":null", key);
	else
		printf(",\"%s\":%u", key, cap);
}

static void print_record(const struct why_facts *facts, const struct why_report *report)
{
	static const char *const from[] = {"service", "override", "moment"};

	printf("{");
	put_member("service", facts->service.name);
	printf(",");
	put_member("user", facts->user);
	printf(",\"active\":%u", facts->active);
	put_cap_value("cap", facts->cap);
	printf(",\"cap_from\":\"%s\"", from[facts->from]);
	put_cap_value("service_cap", facts->service_cap);
	if (facts->from == WHY_CAP_OVERRIDE) {
		printf(",");
		put_member("override", facts->override);
	} else {
		printf(",\"override\":null");
	}
	printf(",\"excess\":\"%s\"", word_of_excess(facts->service.excess));
	printf(",\"peak\":%u,\"opened\":%llu,\"refused\":%llu", facts->peak, facts->opened,
	       facts->refused);
	if (facts->refused_ms == WHY_UNKNOWN)
		printf(",\"refused_ms\":null");
	else
		printf(",\"refused_ms\":%llu", facts->refused_ms);
	if (facts->of_fleet)
		printf(",\"fleet\":{\"units\":%u,\"short\":%s,\"alone\":%s}", facts->units,
		       facts->is_short ? "true" : "false", facts->alone ? "true" : "false");
	else
		printf(",\"fleet\":null");
	printf(",\"slots\":{");
	for (enum why_class what = 0; what < WHY_CLASSES; what++)
		printf("%s\"%s\":%zu", what ? "," : "", why_class_word(what),
		       report->classes[what]);
	printf("}");
}

static void add_ms_or_none(struct table *table, __u64 ms)
{
	if (ms == WHY_UNKNOWN || !ms)
		table_add_text(table, NULL);
	else
		table_add_number(table, ms);
}

static int add_finding(struct table *table, const struct why_finding *finding,
		       const struct why_facts *facts, const struct why_limits *limits)
{
	static const char *const kept[] = {"override", "moment", "observe", "age"};
	char *text = why_sentence(finding, facts, limits), address[ADDRESS_TEXT];
	static const __u8 none[16];

	if (!text)
		return -ENOMEM;
	table_add_text(table, why_kind_word(finding->kind));
	table_add_text(table, text);
	table_add_number(table, finding->count);
	table_add_number(table, finding->of);
	add_ms_or_none(table, finding->least_ms);
	add_ms_or_none(table, finding->most_ms);
	table_add_number(table, finding->unanswered);
	table_add_number(table, finding->rounds);
	table_add_number(table, finding->burst);
	table_add_number(table, finding->stale);
	table_add_number(table, finding->others);
	table_add_text(table, memcmp(finding->address, none, sizeof(none))
				      ? address_format(finding->address, address)
				      : NULL);
	table_add(table, "%.*s", HC_COMM_MAX, finding->comm);
	if (finding->pid)
		table_add_number(table, finding->pid);
	else
		table_add_text(table, NULL);
	table_add_text(table, finding->kind == WHY_KEPT ? kept[finding->kept] : NULL);
	free(text);
	return 0;
}

static int print_finding_objects(const struct why_facts *facts, const struct why_limits *limits,
				 const struct why_report *report)
{
	struct table *table = table_new(finding_columns,
					sizeof(finding_columns) / sizeof(finding_columns[0]));
	int error = table ? 0 : -ENOMEM;

	for (size_t i = 0; i < report->count && !error; i++)
		error = add_finding(table, &report->findings[i], facts, limits);
	error = error ?: table_print(table, stdout, true);
	table_free(table);
	return error;
}

static void print_offer_objects(const struct why_advice *advice)
{
	for (size_t i = 0; i < advice->count; i++) {
		const struct why_offer *offer = &advice->offers[i];

		printf("%s{\"finding\":\"%s\",", i ? "," : "", why_kind_word(offer->kind));
		if (offer->argc) {
			printf("\"command\":[\"headcount\"");
			for (int j = 0; j < offer->argc; j++) {
				char word[6 * HC_USER_TEXT];

				escape_json(word, sizeof(word), offer->argv[j],
					    strlen(offer->argv[j]));
				printf(",\"%s\"", word);
			}
			printf("],\"configuration\":null,");
		} else {
			printf("\"command\":null,");
			put_member("configuration", offer->line);
			printf(",");
		}
		put_member("note", offer->note ?: "");
		printf("}");
	}
}

int why_print_json(const struct why_facts *facts, const struct why_limits *limits,
		   const struct why_report *report, const struct why_advice *advice)
{
	int error;

	print_record(facts, report);
	printf(",\"findings\":");
	error = print_finding_objects(facts, limits, report);
	printf(",\"clients\":");
	error = error ?: why_print_clients(facts, true);
	printf(",\"processes\":");
	error = error ?: why_print_processes(facts, true);
	printf(",\"times\":");
	error = error ?: why_print_times(facts, true);
	printf(",\"unused\":");
	error = error ?: why_print_unused(facts, true);
	printf(",\"advice\":[");
	print_offer_objects(advice);
	printf("]}");
	return error;
}
