// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>

#include "user/base/log.h"
#include "user/daemon/look.h"
#include "user/daemon/sweep.h"

struct look {
	struct headcount_bpf *object;
	struct netns_helper *helper;
	pthread_mutex_t lock; /* of the next */
	struct netns_list netns;
};

int look_new(struct look **result, struct headcount_bpf *object, struct netns_helper *helper)
{
	struct load_request request = {.programs = LOAD_WALK_SOCKETS, .shared = object};
	struct look *look = calloc(1, sizeof(*look));
	int error;

	*result = NULL;
	if (!look)
		return hc_error_errno(ENOMEM, "cannot serve the page");
	error = load_object(&look->object, &request);
	if (error) {
		free(look);
		return error;
	}
	look->helper = helper;
	pthread_mutex_init(&look->lock, NULL);
	*result = look;
	return 0;
}

/* The list's own copies of the descriptors. */
static int copy(struct netns_list *to, const struct netns_list *from)
{
	to->items = calloc(from->count + 1, sizeof(*to->items));
	if (!to->items)
		return hc_error_errno(ENOMEM, "cannot serve the page");
	for (size_t i = 0; i < from->count; i++) {
		to->items[i] = from->items[i];
		to->items[i].fd = fcntl(from->items[i].fd, F_DUPFD_CLOEXEC, 0);
		if (to->items[i].fd < 0)
			return hc_error_errno(errno, "cannot serve the page");
		to->count++;
	}
	return 0;
}

int look_in(struct look *look, const struct netns_list *netns)
{
	struct netns_list fresh = {}, old;
	int error = copy(&fresh, netns);

	if (error) {
		netns_free(&fresh);
		return error;
	}
	pthread_mutex_lock(&look->lock);
	old = look->netns;
	look->netns = fresh;
	pthread_mutex_unlock(&look->lock);
	netns_free(&old);
	return 0;
}

int look_walk(void *context, __u32 unanswered, struct walk_sockets *found)
{
	struct look *look = context;
	struct sweep sweep = {look->object, look->helper, &look->netns};
	int error;

	pthread_mutex_lock(&look->lock);
	error = sweep_sockets(&sweep, &(struct walk_wish){.unanswered = unanswered}, found);
	pthread_mutex_unlock(&look->lock);
	return error;
}

void look_free(struct look *look)
{
	if (!look)
		return;
	netns_free(&look->netns);
	headcount_bpf__destroy(look->object);
	pthread_mutex_destroy(&look->lock);
	free(look);
}
