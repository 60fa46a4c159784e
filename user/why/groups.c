// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/array.h"
#include "user/why/groups.h"

/* Orphans are of no process, whatever listened for them. */
static int compare_parts(const struct why_session *a, const struct why_session *b,
			 enum why_by by)
{
	int order = 0;

	if (by == WHY_BY_ADDRESS)
		return memcmp(a->remote, b->remote, sizeof(a->remote));
	if (a->orphan || b->orphan)
		return a->orphan - b->orphan;
	order = memcmp(a->comm, b->comm, sizeof(a->comm));
	if (by == WHY_BY_PROCESS && !order)
		order = a->pid < b->pid ? -1 : a->pid > b->pid;
	return order;
}

static int by_part_and_age(const void *left, const void *right, void *context)
{
	const struct why_session *a = *(struct why_session *const *)left;
	const struct why_session *b = *(struct why_session *const *)right;
	int order = compare_parts(a, b, *(const enum why_by *)context);

	if (!order)
		order = a->age_ms > b->age_ms ? -1 : a->age_ms < b->age_ms;
	return order ?: a->id < b->id ? -1 : a->id > b->id;
}

static int by_size(const void *left, const void *right)
{
	const struct why_group *a = left, *b = right;

	if (a->count != b->count)
		return a->count < b->count ? 1 : -1;
	return memcmp((*a->sessions)->remote, (*b->sessions)->remote, 16)
		       ?: (*a->sessions)->id < (*b->sessions)->id ? -1
								  : 1;
}

static int compare_pids(const void *left, const void *right)
{
	__u32 a = *(const __u32 *)left, b = *(const __u32 *)right;

	return a < b ? -1 : a > b;
}

static size_t count_pids(const struct why_group *group, __u32 *pids)
{
	size_t different = 0;

	for (size_t i = 0; i < group->count; i++)
		pids[i] = group->sessions[i]->pid;
	qsort(pids, group->count, sizeof(*pids), compare_pids);
	for (size_t i = 0; i < group->count; i++)
		different += pids[i] && (!i || pids[i] != pids[i - 1]);
	return different;
}

static void sum_up(struct why_group *group, __u32 *pids)
{
	group->oldest_ms = group->sessions[0]->age_ms;
	group->youngest_ms = group->sessions[group->count - 1]->age_ms;
	group->longest_idle_ms = group->least_idle_ms = WHY_UNKNOWN;
	for (size_t i = 0; i < group->count; i++) {
		const struct why_session *session = group->sessions[i];

		group->classes[session->what]++;
		if (session->idle_ms == WHY_UNKNOWN)
			continue;
		if (group->longest_idle_ms == WHY_UNKNOWN ||
		    group->longest_idle_ms < session->idle_ms)
			group->longest_idle_ms = session->idle_ms;
		if (group->least_idle_ms > session->idle_ms)
			group->least_idle_ms = session->idle_ms;
	}
	group->processes = count_pids(group, pids);
}

static int cut_in_groups(struct why_groups *groups, size_t count, enum why_by by)
{
	struct why_session **sessions = groups->sessions;
	int error = 0;

	for (size_t i = 0, end; i < count && !error; i = end) {
		struct why_group group = {.sessions = &sessions[i]};

		for (end = i + 1; end < count; end++)
			if (compare_parts(sessions[i], sessions[end], by))
				break;
		group.count = end - i;
		error = array_append(&groups->rows, &groups->count, &group, sizeof(group));
	}
	return error;
}

int why_groups_make(struct why_groups *groups, const struct why_facts *facts, enum why_by by)
{
	__u32 *pids = calloc(facts->count + 1, sizeof(*pids));
	int error = pids ? 0 : -ENOMEM;

	*groups = (struct why_groups){};
	groups->sessions = calloc(facts->count + 1, sizeof(*groups->sessions));
	if (!groups->sessions)
		error = -ENOMEM;
	for (size_t i = 0; i < facts->count && !error; i++)
		groups->sessions[i] = &facts->sessions[i];
	if (!error)
		qsort_r(groups->sessions, facts->count, sizeof(*groups->sessions),
			by_part_and_age, &by);
	error = error ?: cut_in_groups(groups, facts->count, by);
	for (size_t i = 0; i < groups->count && !error; i++)
		sum_up(&groups->rows[i], pids);
	if (groups->count && !error)
		qsort(groups->rows, groups->count, sizeof(*groups->rows), by_size);
	free(pids);
	return error;
}

void why_groups_free(struct why_groups *groups)
{
	free(groups->rows);
	free(groups->sessions);
	*groups = (struct why_groups){};
}
