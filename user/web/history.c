// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "user/kernel/totals_maps.h"
#include "user/web/history.h"

__u64 history_count(const struct hc_counters *counters, enum history_curve curve)
{
	__u64 sum = 0;

	if (curve == HISTORY_EVICTED)
		return counters->closed[HC_END_EVICTED];
	if (curve == HISTORY_ENDED)
		return counters->closed[HC_END_KILLED] + counters->closed[HC_END_IDLE] +
		       counters->closed[HC_END_EVICTED] + counters->closed[HC_END_ALONE];
	for (int scope = 0; scope < HC_SCOPE_COUNT; scope++)
		sum += counters_refused(counters, scope);
	return sum;
}

/* The oldest pieces make room for those that have begun. */
static void turn(struct history *history, __u64 piece)
{
	__u64 new = piece - history->newest;

	for (__u64 i = 1; i <= new &&i <= HISTORY_PIECES; i++) {
		unsigned int place = (history->newest + i) % HISTORY_PIECES;

		for (int id = 0; id < HC_SERVICES_MAX; id++)
			for (int curve = 0; curve < HISTORY_CURVES; curve++) {
				__u32 *oldest = &history->rows[id].piece[curve][place];

				history->rows[id].total[curve] -= *oldest;
				*oldest = 0;
			}
	}
	history->newest = piece;
}

static void begin(struct history_row *row, const char *name, const struct hc_counters *counters)
{
	memset(row, 0, sizeof(*row));
	memcpy(row->name, name, sizeof(row->name));
	for (int curve = 0; curve < HISTORY_CURVES; curve++)
		row->last[curve] = history_count(counters, curve);
}

static void note(struct history_row *row, const char *name, const struct hc_counters *counters,
		 unsigned int place)
{
	for (int curve = 0; curve < HISTORY_CURVES; curve++) {
		__u64 count = history_count(counters, curve), more = count - row->last[curve];
		__u32 *piece = &row->piece[curve][place], room = ~*piece;

		if (count < row->last[curve]) {
			begin(row, name, counters);
			return;
		}
		if (more > room)
			more = room;
		*piece += more;
		row->total[curve] += more;
		row->last[curve] = count;
	}
}

void history_note(struct history *history, const struct policy *policy,
		  const struct hc_counters counters[HC_SERVICES_MAX], __u64 now_ns)
{
	__u64 piece = now_ns / HISTORY_PIECE_NS;

	if (!history->began_ns)
		history->began_ns = now_ns;
	if (piece > history->newest)
		turn(history, piece);
	for (int id = 0; id < HC_SERVICES_MAX; id++) {
		const struct hc_service *service = &policy->services[id];
		struct history_row *row = &history->rows[id];

		if (!service->used)
			*row->name = '\0';
		else if (strcmp(row->name, service->name))
			begin(row, service->name, &counters[id]);
		else
			note(row, service->name, &counters[id],
			     history->newest % HISTORY_PIECES);
	}
}
