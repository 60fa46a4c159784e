// SPDX-License-Identifier: GPL-2.0-only
/* Each walk over the sockets of one namespace looks at the kernel's whole table, which is
 * large: so several go on at once. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/base/log.h"
#include "user/base/thread.h"
#include "user/kernel/walk.h"

#define THREADS 8 /* at most, this one too */

struct walks {
	const struct headcount_bpf *object;
	const struct netns_list *netns;
	atomic_size_t next; /* namespace */
};

struct part {
	struct walks *all;
	struct walk_sockets found;
	int error;
	const struct netns *at; /* where it failed: nothing of that is in `found` */
	pthread_t thread;
};

static void walk_some(struct part *part)
{
	struct walks *all = part->all;
	size_t i, before;

	while (!part->error && (i = atomic_fetch_add(&all->next, 1)) < all->netns->count) {
		before = part->found.count;
		part->at = &all->netns->items[i];
		part->error = walk_sockets(all->object, part->at, &part->found);
		if (part->error)
			part->found.count = before;
	}
}

/* Another thread. What it cannot do is tried once more by the first one, which says why. */
static void *help(void *context)
{
	log_hush();
	walk_some(context);
	return NULL;
}

/* The rows of all parts, in the memory of the largest. */
static int join_rows(struct part *parts, int count, struct walk_sockets *found)
{
	struct walk_sockets *most = &parts[0].found;
	size_t sum = 0;
	void *grown;

	for (int i = 0; i < count; i++) {
		sum += parts[i].found.count;
		if (parts[i].found.count > most->count)
			most = &parts[i].found;
	}
	found->rows = most->rows;
	found->count = most->count;
	found->room = most->room;
	*most = (struct walk_sockets){};
	if (sum == found->count)
		return 0;
	grown = reallocarray(found->rows, sum, sizeof(*found->rows));
	if (!grown)
		return hc_error_errno(ENOMEM, "cannot list the sockets");
	found->rows = grown;
	found->room = sum * sizeof(*found->rows);
	for (int i = 0; i < count; i++) {
		const struct walk_sockets *more = &parts[i].found;

		if (more->count)
			memcpy(found->rows + found->count, more->rows,
			       more->count * sizeof(*more->rows));
		found->count += more->count;
	}
	return 0;
}

int walk_all_sockets(const struct headcount_bpf *object, struct walk_sockets *found)
{
	struct walks all = {.object = object, .netns = &found->netns};
	struct part parts[THREADS] = {{.all = &all}};
	const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int error = found->netns.count ? 0 : netns_find_all(&found->netns), count = 1;

	if (error)
		return error;
	while (count < THREADS && count < cpus && (size_t)count < found->netns.count) {
		parts[count].all = &all;
		if (thread_start(&parts[count].thread, help, &parts[count]))
			break;
		count++;
	}
	walk_some(&parts[0]);
	error = parts[0].error;
	for (int i = 1; i < count; i++) {
		pthread_join(parts[i].thread, NULL);
		if (parts[i].error && !error)
			error = walk_sockets(object, parts[i].at, &parts[0].found);
	}
	error = error ?: join_rows(parts, count, found);
	for (int i = 0; i < count; i++)
		free(parts[i].found.rows);
	return error;
}
