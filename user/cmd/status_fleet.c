// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/clock.h"
#include "user/base/escape.h"
#include "user/base/human.h"
#include "user/base/put.h"
#include "user/base/table.h"
#include "user/base/words.h"
#include "user/cmd/status_fleet.h"
#include "user/kernel/fleet_record.h"

/* Of the lease now, whatever it was when the daemon wrote it. */
static __u64 remaining_ms(const struct hc_fleet_shard *shard)
{
	__u64 now = clock_ns(CLOCK_BOOTTIME);

	return shard->deadline_ns > now ? (shard->deadline_ns - now) / NS_PER_MS : 0;
}

static void print_escaped(const char *format, const char *text)
{
	char escaped[4 * HC_FLEET_WHY];

	escape_text(escaped, sizeof(escaped), text, strlen(text));
	fputs(format, stdout);
	fputs(escaped, stdout);
}

static void print_shard(const struct hc_fleet_status *fleet, const struct hc_fleet_shard *shard)
{
	char text[TIME_TEXT], rtt[HUMAN_TEXT];

	print_escaped("  store ", shard->server);
	printf(": %s", fleet_stage_word(shard));
	if (shard->alone_since_ns)
		printf(" since %s: alone = %s holds",
		       time_format(shard->alone_since_ns, false, text),
		       word_of_alone(fleet->alone));
	else if (!strcmp(fleet_stage_word(shard), "alone"))
		printf(": alone = %s holds", word_of_alone(fleet->alone));
	else if (shard->deadline_ns)
		printf(", lease for %.1f s more", remaining_ms(shard) / 1000.0);
	if (shard->members)
		printf(", %u host%s%s", shard->members, shard->members == 1 ? "" : "s",
		       shard->alone_since_ns ? " seen last" : "");
	if (*shard->epoch)
		printf(", epoch %lu", strtoul(shard->epoch, NULL, 10));
	if (shard->round_trip_ns)
		printf(", answers in %s", human_rtt(shard->round_trip_ns / 1000, rtt));
	if (!shard->hears && shard->reached)
		printf(", not subscribed to calls");
	if (*shard->why)
		print_escaped("\n    ", shard->why);
	printf("\n");
}

static void print_asked(const __u64 asked[HC_ASKED_RESULTS])
{
	__u64 sum = 0;

	for (int i = 0; i < HC_ASKED_RESULTS; i++)
		sum += asked[i];
	if (sum)
		printf("  was asked by --fleet: %llu done, %llu refused as kill = no, %llu too "
		       "many at once, %llu not understood\n",
		       asked[HC_ASKED_RUN], asked[HC_ASKED_REFUSED], asked[HC_ASKED_BUSY],
		       asked[HC_ASKED_BAD]);
}

void status_fleet_text(const struct hc_fleet_status *fleet, bool running)
{
	if (!fleet->shards)
		return;
	printf("\nfleet: this host is %s%s\n", fleet->name,
	       running ? "" : "; as headcount run left it");
	for (__u32 i = 0; i < fleet->shards; i++)
		print_shard(fleet, &fleet->shard[i]);
	printf("  holds %llu units of %llu users, %llu beyond their caps; asks %llu a second\n",
	       fleet->units, fleet->users, fleet->debts, fleet->asks_a_second);
	print_asked(fleet->asked);
}

static void print_text_json(const char *key, const char *text)
{
	char escaped[6 * HC_FLEET_WHY + 1];

	escape_json(escaped, sizeof(escaped), text, strlen(text));
	printf(*text ? ",\"%s\":\"%s\"" : ",\"%s\":null", key, escaped);
}

static void print_shard_json(const struct hc_fleet_shard *shard, bool redact)
{
	const struct hc_fleet_counts *counts = &shard->counts;
	char text[TIME_TEXT];

	printf("{\"stage\":\"%s\",\"lease_ms\":%llu,\"members\":%u,\"servers\":%u,"
	       "\"ready\":%s,\"connected\":%s,\"hears_calls\":%s,\"round_trip_us\":%llu",
	       fleet_stage_word(shard), remaining_ms(shard), shard->members, shard->servers,
	       shard->ready ? "true" : "false", shard->reached ? "true" : "false",
	       shard->hears ? "true" : "false", shard->round_trip_ns / 1000);
	print_text_json("alone_since", shard->alone_since_ns
					       ? time_format(shard->alone_since_ns, true, text)
					       : "");
	print_text_json("epoch", shard->epoch);
	print_text_json("server", redact ? "" : shard->server);
	print_text_json("why", redact ? "" : shard->why);
	printf(",\"messages\":%llu,\"answers\":%llu,\"late\":%llu,\"unconfirmed\":%llu,"
	       "\"malformed\":%llu,\"given_up\":%llu,\"joined\":%llu,\"carried\":%llu,"
	       "\"expelled\":%llu,\"asks\":%llu,\"short\":%llu,\"table_full\":%llu,"
	       "\"found\":%llu,\"broken\":%llu,\"failed\":%llu}",
	       counts->messages, counts->answers, counts->late, counts->unconfirmed,
	       counts->malformed, counts->given_up, counts->joined, counts->carried,
	       counts->expelled, counts->asks, counts->short_of, counts->full, counts->found,
	       counts->broken, counts->failed);
}

void status_fleet_json(const struct hc_fleet_status *fleet, bool redact)
{
	char text[TIME_TEXT];

	if (!fleet->shards) {
		printf(",\"fleet\":null");
		return;
	}
	printf(",\"fleet\":{\"users\":%llu,\"units\":%llu,\"debts\":%llu,\"asks_a_second\":%"
	       "llu,"
	       "\"closed\":%llu,\"lease_s\":%llu,\"alone\":\"%s\"",
	       fleet->users, fleet->units, fleet->debts, fleet->asks_a_second, fleet->closed,
	       fleet->lease_ns / NS_PER_SECOND, word_of_alone(fleet->alone));
	printf(",\"asked\":{\"run\":%llu,\"refused\":%llu,\"busy\":%llu,\"bad\":%llu}",
	       fleet->asked[HC_ASKED_RUN], fleet->asked[HC_ASKED_REFUSED],
	       fleet->asked[HC_ASKED_BUSY], fleet->asked[HC_ASKED_BAD]);
	print_text_json("name", redact ? "" : fleet->name);
	print_text_json("alone_since",
			fleet_record_alone(fleet)
				? time_format(fleet_record_alone(fleet), true, text)
				: "");
	printf(",\"shards\":[");
	for (__u32 i = 0; i < fleet->shards; i++) {
		printf(i ? "," : "");
		print_shard_json(&fleet->shard[i], redact);
	}
	printf("]}");
}
