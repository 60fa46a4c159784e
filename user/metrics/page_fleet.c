// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>

#include "user/base/clock.h"
#include "user/metrics/page_fleet.h"

#define for_each_shard(page, i) for (__u32 i = 0; i < (page)->metrics->fleet.shards; i++)

static const struct hc_fleet_shard *shard_of(const struct page *page, __u32 i)
{
	return &page->metrics->fleet.shard[i];
}

static void of_shard(struct page *page, __u32 i, const char *suffix, __u64 value)
{
	char number[12];

	snprintf(number, sizeof(number), "%u", i);
	page_sample(page, suffix, value, "shard", number, NULL);
}

static void of_shard_seconds(struct page *page, __u32 i, __u64 ns)
{
	char number[12];

	snprintf(number, sizeof(number), "%u", i);
	page_seconds(page, "", ns, "shard", number, NULL);
}

static void members(struct page *page)
{
	for_each_shard(page, i) of_shard(page, i, "", shard_of(page, i)->members);
}

/* As it was when the daemon wrote it, a second ago at most. */
static void lease(struct page *page)
{
	for_each_shard(page, i)
	{
		__u64 end = shard_of(page, i)->deadline_ns;
		__u64 now = clock_ns(CLOCK_BOOTTIME);

		of_shard_seconds(page, i, end > now ? end - now : 0);
	}
}

static void alone(struct page *page)
{
	for_each_shard(page, i) of_shard(page, i, "", !!shard_of(page, i)->alone_since_ns);
}

static void ready(struct page *page)
{
	for_each_shard(page, i) of_shard(page, i, "", shard_of(page, i)->ready);
}

static void epoch(struct page *page)
{
	for_each_shard(page, i)
		of_shard(page, i, "", strtoul(shard_of(page, i)->epoch, NULL, 10));
}

static void round_trip(struct page *page)
{
	for_each_shard(page, i) of_shard_seconds(page, i, shard_of(page, i)->round_trip_ns);
}

static void users(struct page *page)
{
	if (page->metrics->fleet.shards)
		page_sample(page, "", page->metrics->fleet.users, NULL);
}

static void units(struct page *page)
{
	if (page->metrics->fleet.shards)
		page_sample(page, "", page->metrics->fleet.units, NULL);
}

static void debts(struct page *page)
{
	if (page->metrics->fleet.shards)
		page_sample(page, "", page->metrics->fleet.debts, NULL);
}

static void closed(struct page *page)
{
	if (page->metrics->fleet.shards)
		page_sample(page, "_total", page->metrics->fleet.closed, NULL);
}

static void asked(struct page *page)
{
	static const char *const results[] = {
		[HC_ASKED_RUN] = "run",
		[HC_ASKED_REFUSED] = "refused",
		[HC_ASKED_BUSY] = "busy",
		[HC_ASKED_BAD] = "bad",
	};

	for (int i = 0; i < HC_ASKED_RESULTS && page->metrics->fleet.shards; i++)
		page_sample(page, "_total", page->metrics->fleet.asked[i], "result", results[i],
			    NULL);
}

static void messages(struct page *page)
{
	for_each_shard(page, i) of_shard(page, i, "_total", shard_of(page, i)->counts.messages);
}

static void failures(struct page *page)
{
	for_each_shard(page, i)
	{
		const struct hc_fleet_counts *counts = &shard_of(page, i)->counts;
		const struct {
			const char *reason;
			__u64 count;
		} rows[] = {
			{"late", counts->late},           {"unconfirmed", counts->unconfirmed},
			{"malformed", counts->malformed}, {"given-up", counts->given_up},
			{"broken", counts->broken},       {"not-found", counts->failed},
			{"table-full", counts->full},
		};
		char number[12];

		snprintf(number, sizeof(number), "%u", i);
		for (size_t j = 0; j < sizeof(rows) / sizeof(*rows); j++)
			page_sample(page, "_total", rows[j].count, "shard", number, "reason",
				    rows[j].reason, NULL);
	}
}

static void joins(struct page *page)
{
	for_each_shard(page, i) of_shard(page, i, "_total", shard_of(page, i)->counts.joined);
}

static void asks(struct page *page)
{
	for_each_shard(page, i) of_shard(page, i, "_total", shard_of(page, i)->counts.asks);
}

static void short_of(struct page *page)
{
	for_each_shard(page, i) of_shard(page, i, "_total", shard_of(page, i)->counts.short_of);
}

static const struct family families[] = {
	{"fleet_members", NULL, GAUGE, "Hosts of the fleet, as the store has them", members},
	{"fleet_lease_seconds", "seconds", GAUGE, "Until the lease is over", lease},
	{"fleet_alone", NULL, GAUGE, "1: the lease is over, and alone = holds", alone},
	{"fleet_ready", NULL, GAUGE, "1: the store grants, 0: it learns what hosts hold",
	 ready},
	{"fleet_epoch", NULL, GAUGE, "The number of what the store remembers", epoch},
	{"fleet_round_trip_seconds", "seconds", GAUGE, "How long the last answer took",
	 round_trip},
	{"fleet_users", NULL, GAUGE, "Users of whom this host holds units", users},
	{"fleet_units", NULL, GAUGE, "Units of the fleet's caps that it holds", units},
	{"fleet_debts", NULL, GAUGE, "Units that it holds beyond their users' caps", debts},
	{"fleet_messages", NULL, COUNTER, "Messages to the store", messages},
	{"fleet_failures", NULL, COUNTER, "Messages and connections that came to nothing",
	 failures},
	{"fleet_joins", NULL, COUNTER, "Times that this host became a member", joins},
	{"fleet_asks", NULL, COUNTER, "Times that the store was asked for a user's units",
	 asks},
	{"fleet_short", NULL, COUNTER, "Of them, those for which it had too few", short_of},
	{"fleet_asked", NULL, COUNTER, "Commands that other hosts asked this one to run",
	 asked},
	{"fleet_sessions_closed", NULL, COUNTER,
	 "Sessions that cold = admit let in and the cap had no unit for, or that alone = close "
	 "ended",
	 closed},
};

const struct family *page_fleet_families(size_t *count)
{
	*count = sizeof(families) / sizeof(families[0]);
	return families;
}
