// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/escape.h"
#include "user/base/put.h"
#include "user/base/words.h"
#include "user/why/print.h"
#include "user/why/tables.h"

static void put_safely(const char *text)
{
	char escaped[4 * HC_USER_TEXT];

	escape_text(escaped, sizeof(escaped), text, strlen(text));
	fputs(escaped, stdout);
}

static void print_cap(const struct why_facts *facts)
{
	struct hc_user_key by = {.kind = HC_BY_UID, .uid = facts->asker};
	char name[HC_USER_TEXT], since[TIME_TEXT];

	if (facts->cap == HC_UNLIMITED)
		printf("no cap");
	else
		printf("cap %u", facts->cap);
	if (facts->from == WHY_CAP_OVERRIDE) {
		printf(" of the override ");
		put_safely(facts->override);
	} else if (facts->from == WHY_CAP_MOMENT) {
		printf(" of the moment, set by ");
		put_safely(user_key_format(&by, true, name, sizeof(name)));
		printf(" at %s", time_format(facts->set_ns, false, since));
	}
	if (facts->from != WHY_CAP_SERVICE && facts->service_cap != HC_UNLIMITED)
		printf(" (the service's: %u)", facts->service_cap);
}

static void print_fleet(const struct why_facts *facts)
{
	char since[TIME_TEXT];

	if (!facts->of_fleet)
		return;
	printf("the cap is of all hosts together: ");
	if (!facts->alone)
		printf("%u of it are at this host%s\n", facts->units,
		       facts->is_short ? ", and the store has no more" : "");
	else if (facts->alone_since_ns)
		printf("this host is alone since %s, and alone = %s holds\n",
		       time_format(facts->alone_since_ns, false, since),
		       word_of_alone(facts->service.alone));
	else
		printf("this host has no lease, and alone = %s holds\n",
		       word_of_alone(facts->service.alone));
}

static void print_head(const struct why_facts *facts, const struct why_report *report)
{
	const char *comma = "";

	put_safely(facts->service.name);
	putchar(' ');
	put_safely(facts->name);
	printf(": %u session%s, ", facts->active, facts->active == 1 ? "" : "s");
	print_cap(facts);
	printf("; peak %u, %llu opened, %llu refused\n", facts->peak, facts->opened,
	       facts->refused);
	if (facts->service.total != HC_UNLIMITED)
		printf("all users of the service: %u of %u\n", facts->service_total,
		       facts->service.total);
	print_fleet(facts);
	for (enum why_class what = 0; what < WHY_CLASSES; what++) {
		const char *word = why_class_word(what);

		if (!report->classes[what])
			continue;
		printf("%s%zu ", comma, report->classes[what]);
		for (; *word; word++)
			putchar(*word == '_' ? ' ' : *word);
		comma = ", ";
	}
	if (*comma)
		putchar('\n');
}

static int print_findings(const struct why_facts *facts, const struct why_limits *limits,
			  const struct why_report *report)
{
	if (!report->count)
		printf("\nNothing stands out.\n");
	else
		printf("\n");
	for (size_t i = 0; i < report->count; i++) {
		char *text = why_sentence(&report->findings[i], facts, limits);

		if (!text)
			return -ENOMEM;
		printf("* %s.\n", text);
		free(text);
	}
	return 0;
}

static int print_offers(const struct why_facts *facts, const struct why_advice *advice)
{
	if (advice->count)
		printf("\nWhat would help:\n");
	for (size_t i = 0; i < advice->count; i++) {
		const struct why_offer *offer = &advice->offers[i];
		char *command = offer->argc ? why_offer_command(offer) : NULL;

		if (offer->argc && !command)
			return -ENOMEM;
		printf("  ");
		if (command) {
			fputs(command, stdout);
		} else {
			put_safely(offer->line);
			printf("    (headcount.conf, [service %s])", facts->service.name);
		}
		if (offer->note)
			printf("    (%s)", offer->note);
		putchar('\n');
		free(command);
	}
	return 0;
}

int why_print_text(const struct why_facts *facts, const struct why_limits *limits,
		   const struct why_report *report, const struct why_advice *advice)
{
	int error = 0;

	print_head(facts, report);
	error = print_findings(facts, limits, report);
	if (facts->count && !error) {
		putchar('\n');
		error = why_print_clients(facts, false);
		putchar('\n');
		error = error ?: why_print_processes(facts, false);
		putchar('\n');
		error = error ?: why_print_times(facts, false);
	}
	if (facts->count > report->classes[WHY_IN_USE] && !error) {
		putchar('\n');
		error = why_print_unused(facts, false);
	}
	return error ?: print_offers(facts, advice);
}
