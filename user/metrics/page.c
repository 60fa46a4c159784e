// SPDX-License-Identifier: GPL-2.0-only
/* The page: https://prometheus.io/docs/instrumenting/exposition_formats/, OpenMetrics 1.0.0. */
#include <string.h>

#include "user/base/clock.h"
#include "user/base/user_name.h"
#include "user/base/words.h"
#include "user/kernel/losses.h"
#include "user/metrics/page.h"
#include "user/metrics/page_fleet.h"
#include "user/metrics/sample.h"

/* The services in force. */
static int next_service(const struct page *page, int id)
{
	while (++id < HC_SERVICES_MAX)
		if (page->metrics->policy.services[id].used)
			return id;
	return -1;
}

#define for_each_service(page, id) for (int id = -1; (id = next_service(page, id)) >= 0;)

static const char *service_name(const struct page *page, int id)
{
	return page->metrics->policy.services[id].name;
}

static void build(struct page *page)
{
	page_sample(page, "_info", 1, "version", HC_VERSION, NULL);
}

static void sessions(struct page *page)
{
	for_each_service(page, id) page_sample(
		page, "", page->metrics->sessions[id], "service", service_name(page, id),
		"direction", id == HC_OUTBOUND_SERVICE ? "outbound" : "inbound", NULL);
}

static void session_cap(struct page *page)
{
	for_each_service(page, id) if (page->metrics->policy.services[id].cap != HC_UNLIMITED)
		page_sample(page, "", page->metrics->policy.services[id].cap, "service",
			    service_name(page, id), NULL);
}

static void service_cap(struct page *page)
{
	for_each_service(page, id) if (page->metrics->policy.services[id].total != HC_UNLIMITED)
		page_sample(page, "", page->metrics->policy.services[id].total, "service",
			    service_name(page, id), NULL);
}

static void users(struct page *page)
{
	for_each_service(page, id) page_sample(page, "", page->metrics->users[id], "service",
					       service_name(page, id), NULL);
}

static void opened(struct page *page)
{
	for_each_service(page, id)
		page_sample(page, "_total", page->metrics->counters[id].opened, "service",
			    service_name(page, id), NULL);
}

static void closed(struct page *page)
{
	for_each_service(page, id) for (int end = 0; end < HC_END_COUNT; end++)
		page_sample(page, "_total", page->metrics->counters[id].closed[end], "service",
			    service_name(page, id), "reason", word_of_end(end), NULL);
}

/* Only the excesses that there are or were: five for each service would be many. */
static bool is_possible(const struct page *page, int id, int scope, __u32 excess)
{
	const struct hc_service *service = &page->metrics->policy.services[id];

	return excess == HC_REJECT || excess == service->excess ||
	       (service->holding && excess != HC_OBSERVE) ||
	       page->metrics->counters[id].refused[scope][excess];
}

static void refused(struct page *page)
{
	static const char *const scopes[HC_SCOPE_COUNT] = {"user", "total"};

	for_each_service(
		page, id) for (int scope = 0; scope < HC_SCOPE_COUNT;
			       scope++) for (int excess = 0; excess < HC_EXCESS_COUNT;
					     excess++) if (is_possible(page, id, scope, excess))
		page_sample(page, "_total", page->metrics->counters[id].refused[scope][excess],
			    "service", service_name(page, id), "scope", scopes[scope], "excess",
			    word_of_excess(excess), NULL);
}

/* Both formats have them as OpenMetrics does, so that they are the same series. */
static const char *bound(char text[32], __u64 ns)
{
	snprintf(text, 32, "%g", ns / 1e9);
	return strchr(text, '.') ? text : strcat(text, ".0");
}

static void duration(struct page *page)
{
	static const __u64 bounds[] = {
#define X(name, ns) ns,
		HC_LASTED_BOUNDS(X)
#undef X
	};
	char text[32];

	for_each_service(page, id)
	{
		const struct hc_counters *counters = &page->metrics->counters[id];
		const char *name = service_name(page, id);
		__u64 sum = 0;

		for (int i = 0; i < HC_LASTED_LONGER; i++) {
			sum += counters->lasted[i];
			page_sample(page, "_bucket", sum, "service", name, "le",
				    bound(text, bounds[i]), NULL);
		}
		sum += counters->lasted[HC_LASTED_LONGER];
		page_sample(page, "_bucket", sum, "service", name, "le", "+Inf", NULL);
		page_seconds(page, "_sum", counters->lasted_ns, "service", name, NULL);
		page_sample(page, "_count", sum, "service", name, NULL);
	}
}

static void loss(struct page *page, int reason)
{
	page_sample(page, "_total", page->metrics->losses[reason], "reason",
		    loss_rows[reason].word, NULL);
}

/* Whatever its kind, if it is neither of the next two. */
static void events_lost(struct page *page)
{
	for (int reason = 0; reason < HC_LOSS_COUNT; reason++)
		if (loss_rows[reason].kind != LOSS_UNTRACKED &&
		    loss_rows[reason].kind != LOSS_NOTE)
			loss(page, reason);
}

static void untracked(struct page *page)
{
	for (int reason = 0; reason < HC_LOSS_COUNT; reason++)
		if (loss_rows[reason].kind == LOSS_UNTRACKED)
			loss(page, reason);
}

static void notes(struct page *page)
{
	for (int reason = 0; reason < HC_LOSS_COUNT; reason++)
		if (loss_rows[reason].kind == LOSS_NOTE && reason != HC_LOSS_CORRECTED)
			loss(page, reason);
}

static void corrections(struct page *page)
{
	page_sample(page, "_total", page->metrics->losses[HC_LOSS_CORRECTED], NULL);
}

static void map_entries(struct page *page)
{
	for (int i = 0; i < FILL_COUNT; i++)
		page_sample(page, "", page->metrics->fill[i].entries, "map",
			    page->metrics->fill[i].map, NULL);
}

static void map_capacity(struct page *page)
{
	for (int i = 0; i < FILL_COUNT; i++)
		page_sample(page, "", page->metrics->fill[i].capacity, "map",
			    page->metrics->fill[i].map, NULL);
}

static void program_runs(struct page *page)
{
	for (size_t i = 0; i < page->metrics->program_count && page->metrics->measured; i++)
		page_sample(page, "_total", page->metrics->programs[i].runs, "program",
			    page->metrics->programs[i].program, NULL);
}

static void program_seconds(struct page *page)
{
	for (size_t i = 0; i < page->metrics->program_count && page->metrics->measured; i++)
		page_seconds(page, "_total", page->metrics->programs[i].ns, "program",
			     page->metrics->programs[i].program, NULL);
}

static void program_missed(struct page *page)
{
	for (size_t i = 0; i < page->metrics->program_count; i++)
		page_sample(page, "_total", page->metrics->programs[i].missed, "program",
			    page->metrics->programs[i].program, NULL);
}

static void top_sample(struct page *page, const char *suffix, const struct hc_user *user,
		       __u64 value)
{
	char name[HC_USER_TEXT];

	page_sample(page, suffix, value, "service", service_name(page, user->key.service),
		    "user", user_key_format(&user->key, false, name, sizeof(name)), NULL);
}

static void top_sessions(struct page *page)
{
	for (size_t i = 0; i < page->metrics->top_count; i++)
		top_sample(page, "", &page->metrics->top[i].user,
			   hc_user_active(&page->metrics->top[i].user));
}

static void top_cap(struct page *page)
{
	for (size_t i = 0; i < page->metrics->top_count; i++)
		if (page->metrics->top[i].user.cap != HC_UNLIMITED)
			top_sample(page, "", &page->metrics->top[i].user,
				   page->metrics->top[i].user.cap);
}

static void top_refused(struct page *page)
{
	for (size_t i = 0; i < page->metrics->top_count; i++)
		top_sample(page, "_total", &page->metrics->top[i].user,
			   page->metrics->top[i].user.refused);
}

static const struct family families[] = {
	{"build", NULL, INFO, "This headcount", build},
	{"sessions", NULL, GAUGE, "Sessions that users hold now", sessions},
	{"session_cap", NULL, GAUGE, "Sessions that one user may hold, where there is a cap",
	 session_cap},
	{"service_cap", NULL, GAUGE, "Sessions that all users together may hold (total =)",
	 service_cap},
	{"users", NULL, GAUGE, "Users with sessions now", users},
	{"sessions_opened", NULL, COUNTER, "Sessions opened, or found at the start", opened},
	{"sessions_closed", NULL, COUNTER, "Sessions closed, by what ended them", closed},
	{"sessions_refused", NULL, COUNTER,
	 "Attempts refused (observed: that would have been), by the user's cap or the total, "
	 "and what they got",
	 refused},
	{"session_duration_seconds", "seconds", HISTOGRAM,
	 "How long sessions lasted, of those closed that were seen from beginning to end",
	 duration},
	{"events_lost", NULL, COUNTER, "Events that no line tells of, or that a reader missed",
	 events_lost},
	{"untracked", NULL, COUNTER, "Sessions that were admitted but not charged", untracked},
	{"notes", NULL, COUNTER, "What was handled but should be seen", notes},
	{"count_corrections", NULL, COUNTER, "Counts that audit --repair corrected",
	 corrections},
	{"map_entries", NULL, GAUGE, "Entries in a table", map_entries},
	{"map_capacity", NULL, GAUGE, "Entries that it has room for", map_capacity},
	{"bpf_program_runs", NULL, COUNTER, "Runs while kernel.bpf_stats_enabled was set",
	 program_runs},
	{"bpf_program_seconds", "seconds", COUNTER, "Time that those runs took",
	 program_seconds},
	{"bpf_program_missed", NULL, COUNTER, "Runs that the kernel skipped", program_missed},
	{"user_sessions", NULL, GAUGE, "Sessions of the busiest users (metrics_top_users =)",
	 top_sessions},
	{"user_cap", NULL, GAUGE, "Their caps, where there are any", top_cap},
	{"user_refused", NULL, COUNTER, "Their refused attempts", top_refused},
};

static void print_families(struct page *page, const struct family *family, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		page->family = &family[i];
		page->begun = false;
		family[i].samples(page);
	}
}

void metrics_print(FILE *out, const struct metrics *metrics, enum metrics_format format)
{
	struct page page = {.out = out, .metrics = metrics, .format = format};
	size_t count;
	const struct family *fleet = page_fleet_families(&count);

	print_families(&page, families, sizeof(families) / sizeof(families[0]));
	print_families(&page, fleet, count);
	if (format == METRICS_OPEN)
		fputs("# EOF\n", out);
}
