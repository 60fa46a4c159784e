// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>

#include "user/base/clock.h"
#include "user/base/words.h"
#include "user/kernel/fleet_record.h"
#include "user/web/json_fleet.h"
#include "user/web/json_put.h"

/* Of the lease now, whatever it was when the daemon wrote it. */
static __u64 remaining_ms(const struct hc_fleet_shard *shard)
{
	const __u64 now = clock_ns(CLOCK_BOOTTIME);

	return shard->deadline_ns > now ? (shard->deadline_ns - now) / NS_PER_MS : 0;
}

/* What the store says of itself may be anything: its place, if Sentinels name it, and why it
 * refuses. */
static void print_shard(FILE *out, const struct hc_fleet_shard *shard)
{
	fprintf(out, "{\"stage\":\"%s\",", fleet_stage_word(shard));
	json_put_text(out, "store", shard->server);
	json_put_count(out, "lease_ms", remaining_ms(shard));
	json_put_or_null(out, "alone_unix_ms", shard->alone_since_ns / NS_PER_MS, 0);
	json_put_or_null(out, "members", shard->members, 0);
	json_put_or_null(out, "epoch", strtoul(shard->epoch, NULL, 10), 0);
	json_put_or_null(out, "answer_us", shard->round_trip_ns / 1000, 0);
	fputc(',', out);
	json_put_text(out, "why", shard->why);
	fputc('}', out);
}

void json_fleet_print(FILE *out, const struct hc_fleet_status *fleet)
{
	fputs(",\"fleet\":", out);
	if (!fleet->shards) {
		fputs("null", out);
		return;
	}
	fprintf(out, "{\"alone\":\"%s\",", word_of_alone(fleet->alone));
	json_put_text(out, "name", fleet->name);
	json_put_count(out, "users", fleet->users);
	json_put_count(out, "units", fleet->units);
	json_put_count(out, "debts", fleet->debts);
	json_put_count(out, "asks_a_second", fleet->asks_a_second);
	json_put_or_null(out, "alone_unix_ms", fleet_record_alone(fleet) / NS_PER_MS, 0);
	fputs(",\"shards\":[", out);
	for (__u32 i = 0; i < fleet->shards; i++) {
		fputs(i ? ",\n" : "", out);
		print_shard(out, &fleet->shard[i]);
	}
	fputs("]}", out);
}
