// SPDX-License-Identifier: GPL-2.0-only
#include <limits.h>
#include <stdio.h>

#include "user/cmd/events_text.h"
#include "user/kernel/service_text.h"

#define NAMED 5 /* services of one kind; the others as a number */

/* The services that emit the same. */
static void print_alike(FILE *out, const struct config *config, __u8 mute)
{
	size_t count = 0;

	for (size_t i = 0; i < config->service_count; i++) {
		const struct hc_service *service = &config->services[i].service;

		if (service->used && service->mute == mute && ++count <= NAMED)
			fprintf(out, "%s%s", count > 1 ? ", " : "", service->name);
	}
	if (count > NAMED)
		fprintf(out, " and %zu more", count - NAMED);
}

static bool any_of(const struct config *config, __u8 mute)
{
	for (size_t i = 0; i < config->service_count; i++)
		if (config->services[i].service.used &&
		    config->services[i].service.mute == mute)
			return true;
	return false;
}

static void print_events(FILE *out, const struct config *config)
{
	char emit[SERVICE_EMIT_TEXT], sink[PATH_MAX + 16];
	const char *between = ": ";

	fprintf(out, "events to%s", config->events.count ? "" : " nobody");
	for (size_t i = 0; i < config->events.count; i++)
		fprintf(out, "%s %s", i ? "," : "",
			sink_spec_format(&config->events.items[i], sink, sizeof(sink)));
	for (__u8 mute = 0; mute < HC_MUTE_ALL && config->events.count; mute++) {
		if (!any_of(config, mute))
			continue;
		fprintf(out, "%s%s of ", between, service_emit_format(mute, ", ", emit));
		print_alike(out, config, mute);
		between = "; ";
	}
	if (config->events.count && *between == ':')
		fprintf(out, ": none");
}

char *events_text(const struct config *config, char *text, size_t size)
{
	FILE *out = fmemopen(text, size, "w");

	*text = '\0';
	if (!out)
		return text;
	print_events(out, config);
	fclose(out);
	text[size - 1] = '\0';
	return text;
}
