// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "user/evict/rate.h"

/* Counts of parts that are over by now do not count. */
static __u32 counted(const struct evict_rate_row *row, __u64 now_part)
{
	__u32 sum = 0;

	for (__u64 age = 0; age < EVICT_RATE_PARTS && age <= row->part; age++)
		if (row->part - age + EVICT_RATE_PARTS > now_part)
			sum += row->counts[(row->part - age) % EVICT_RATE_PARTS];
	return sum;
}

/* The first part that does not count the oldest one that does now. */
static __u64 next_change(const struct evict_rate_row *row, __u64 now_part)
{
	for (__u64 part = now_part < EVICT_RATE_PARTS ? 0 : now_part - EVICT_RATE_PARTS + 1;
	     part <= row->part; part++)
		if (row->counts[part % EVICT_RATE_PARTS])
			return part + EVICT_RATE_PARTS;
	return now_part + 1;
}

static struct evict_rate_row *row_of(struct evict_rates *rates, const struct hc_user_key *user)
{
	for (__u32 i = 0; i < rates->count; i++)
		if (!memcmp(&rates->rows[i].user, user, sizeof(*user)))
			return &rates->rows[i];
	return NULL;
}

/* A row that says nothing at `now_part`; NULL: all do. */
static struct evict_rate_row *free_row(struct evict_rates *rates, __u64 now_part)
{
	for (__u32 i = 0; i < rates->count; i++)
		if (!counted(&rates->rows[i], now_part))
			return &rates->rows[i];
	return rates->count < EVICT_RATE_USERS ? &rates->rows[rates->count] : NULL;
}

__u32 evict_rate_left(struct evict_rates *rates, const struct hc_user_key *user, __u32 rate,
		      __u64 now_ns, __u64 *until_ns)
{
	__u64 now_part = now_ns / EVICT_RATE_NS, change = now_part + 1;
	const struct evict_rate_row *row = row_of(rates, user);
	__u32 before = row ? counted(row, now_part) : 0;

	if (row && before)
		change = next_change(row, now_part);
	else if (!free_row(rates, now_part))
		before = rate;
	*until_ns = change * EVICT_RATE_NS;
	return before < rate ? rate - before : 0;
}

void evict_rate_count(struct evict_rates *rates, const struct hc_user_key *user, __u64 now_ns)
{
	__u64 now_part = now_ns / EVICT_RATE_NS;
	struct evict_rate_row *row = row_of(rates, user) ?: free_row(rates, now_part);

	if (!row)
		return;
	if (row == &rates->rows[rates->count])
		rates->count++;
	if (memcmp(&row->user, user, sizeof(*user)) ||
	    row->part + EVICT_RATE_PARTS <= now_part) {
		memset(row->counts, 0, sizeof(row->counts));
		row->user = *user;
		row->part = now_part;
	}
	while (row->part < now_part)
		row->counts[++row->part % EVICT_RATE_PARTS] = 0;
	row->counts[now_part % EVICT_RATE_PARTS]++;
}
