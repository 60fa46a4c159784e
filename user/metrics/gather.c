// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/base/log.h"
#include "user/kernel/losses.h"
#include "user/metrics/page.h"
#include "user/sessions/view.h"

static int gather_users(struct metrics *metrics, const struct headcount_bpf *object, size_t top)
{
	size_t count;
	int error = users_view_read(object, &metrics->policy, -1, &metrics->top, &count);

	if (error)
		return error;
	for (size_t i = 0; i < count; i++) {
		const struct hc_user *user = &metrics->top[i].user;

		metrics->sessions[user->key.service] += hc_user_active(user);
		metrics->users[user->key.service] += !!hc_user_active(user);
	}
	if (top)
		qsort(metrics->top, count, sizeof(*metrics->top), users_by_activity);
	metrics->top_count = top < count ? top : count;
	fill_read(object, &metrics->policy, counters_sessions(metrics->counters), count,
		  metrics->fill);
	return 0;
}

static int read_programs(const struct metrics_programs *programs, struct metrics *metrics)
{
	metrics->programs = calloc(programs->count + 1, sizeof(*metrics->programs));
	if (!metrics->programs)
		return hc_error_errno(ENOMEM, "cannot read the programs");
	for (size_t i = 0; i < programs->count; i++)
		if (!links_read_program(programs->fds[i],
					&metrics->programs[metrics->program_count]))
			metrics->program_count++;
	return 0;
}

/* A gate is one program for each namespace: one row for all. */
static void merge_programs(struct metrics *metrics)
{
	size_t kept = 0, same;

	for (size_t i = 0; i < metrics->program_count; i++) {
		const struct links_row *row = &metrics->programs[i];

		for (same = 0; same < kept; same++)
			if (!strcmp(metrics->programs[same].program, row->program))
				break;
		if (same == kept) {
			metrics->programs[kept++] = *row;
			continue;
		}
		metrics->programs[same].runs += row->runs;
		metrics->programs[same].ns += row->ns;
		metrics->programs[same].missed += row->missed;
	}
	metrics->program_count = kept;
}

static bool statistics_are_on(void)
{
	int fd = open("/proc/sys/kernel/bpf_stats_enabled", O_RDONLY | O_CLOEXEC);
	char first = '0';
	bool on;

	if (fd < 0)
		return false;
	on = read(fd, &first, 1) == 1 && first != '0';
	close(fd);
	return on;
}

int metrics_gather(struct metrics *metrics, const struct headcount_bpf *object,
		   const struct metrics_programs *programs, size_t top)
{
	int error;

	memset(metrics, 0, sizeof(*metrics));
	metrics->measured = statistics_are_on();
	error = policy_read(object, &metrics->policy);
	error = error ?: counters_read(object, metrics->counters);
	error = error ?: losses_read(object, metrics->losses);
	error = error ?: fleet_record_read(object, &metrics->fleet);
	error = error ?: gather_users(metrics, object, top);
	if (programs)
		error = error ?: read_programs(programs, metrics);
	else
		error = error
				?: links_read(object, &metrics->programs,
					      &metrics->program_count);
	merge_programs(metrics);
	return error;
}

void metrics_free(struct metrics *metrics)
{
	free(metrics->programs);
	free(metrics->top);
	metrics->programs = NULL;
	metrics->top = NULL;
}
