// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "user/base/label.h"
#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/kernel/labels.h"
#include "user/kernel/open.h"
#include "user/kernel/pins.h"
#include "user/sessions/by_ends.h"
#include "user/sessions/kill.h"
#include "user/sessions/labeller.h"

#define PATIENCE_MS 2000
#define PAUSE_MS    100

void labeller_close(struct labeller *labeller)
{
	labels_use(NULL);
	headcount_bpf__destroy(labeller->object);
	labeller->object = NULL;
}

int labeller_open(struct labeller *labeller, bool kill)
{
	unsigned int programs = labeller->programs | LOAD_LABEL_SET |
				(kill ? LOAD_WALK_SOCKETS | LOAD_KILL : 0);

	/* After a restart the maps are others. */
	if (labeller->object && labeller->programs == programs &&
	    (pins_holder() || pins_have_links()) && pins_are_of(labeller->object))
		return 0;
	labeller_close(labeller);
	labeller->programs = programs;
	return open_maps(&labeller->object, programs);
}

/* The session that is meant. */
static int find_ordered(struct labeller *labeller, const struct label_order *order, __u64 *id)
{
	struct hc_label_socket ends = order->ends;
	int error = 0;

	switch (order->by) {
	case LABEL_BY_ID:
		*id = order->id;
		return 0;
	case LABEL_BY_FD:
		error = by_ends_of(order->fd, &ends);
		if (error)
			return hc_error_errno(error, "cannot tell the session of descriptor %d",
					      order->fd);
		break;
	case LABEL_BY_ENDS:
		if (order->netns)
			error = by_ends_netns(order->netns, &ends.netns_cookie);
		else if (!labeller->netns)
			error = by_ends_netns(NULL, &labeller->netns);
		if (!order->netns)
			ends.netns_cookie = labeller->netns;
	}
	return error ?: by_ends_find(labeller->object, &ends, id);
}

static int give_by_fd(const struct label_order *order)
{
	return setsockopt(order->fd, HC_SOL, HC_SO_LABEL, order->label.text, order->length)
		       ? -errno
		       : 0;
}

/* Why the kernel does not take another: the session of this descriptor has one. */
static bool has_label(int fd)
{
	char label[HC_LABEL_MAX];
	socklen_t length = sizeof(label);

	return !getsockopt(fd, HC_SOL, HC_SO_LABEL, label, &length);
}

/* As `kill --id` would. Prints what went wrong; true: the session is gone. */
static bool close_session(const struct labeller *labeller, __u64 id)
{
	struct session_filter filter = {.service = -1};
	struct kill_result result = {};
	struct session_list list = {};
	bool gone;

	session_filter_ids(&filter, &id, 1);
	gone = !session_list_read(labeller->object, &filter, &list) &&
	       !kill_sessions(labeller->object, &list, &result) && !result.failed;
	for (int failure = 0; failure < KILL_FAILURES; failure++)
		if (result.failures[failure])
			hc_error("could not close the session: %s", kill_failure_text(failure));
	free(result.rows);
	session_list_free(&list);
	return gone;
}

static int explain(const struct label_order *order, int error, bool closed)
{
	char name[LABEL_TEXT];

	label_format(&order->label, name);
	switch (error) {
	case 0:
		break;
	case -EDQUOT:
		hc_error("over the cap of %s, or the total of the service%s", name,
			 closed ? ": the session was closed" : "");
		break;
	case -ENOPROTOOPT:
		if (order->by == LABEL_BY_FD)
			hc_error("descriptor %d has no session of a service by label, or "
				 "headcount is not running",
				 order->fd);
		else
			hc_error("the session is not of a service by label");
		break;
	case -ENOTCONN:
		hc_error(order->by == LABEL_BY_ID ? "there is no such session"
						  : "the session has ended");
		break;
	case -EPERM:
		if (has_label(order->fd))
			hc_error("the session has another label, and only root may change it");
		else
			hc_error("the account whose socket the server listens on is none of "
				 "the service's labellers: headcount status says which");
		break;
	default:
		hc_error_errno(error, "cannot label the session %s", name);
	}
	return error;
}

/* Once more while a stale session makes room. After that it is over the cap. */
static int give(const struct labeller *labeller, const struct label_order *order, __u64 id)
{
	int error = -EAGAIN;

	for (int tries = 0; error == -EAGAIN && tries <= PATIENCE_MS / PAUSE_MS; tries++) {
		if (tries)
			clock_sleep_ms(PAUSE_MS);
		error = order->by == LABEL_BY_FD
				? give_by_fd(order)
				: labels_give(labeller->object, id, &order->label);
	}
	return error == -EAGAIN ? -EDQUOT : error;
}

int labeller_give(struct labeller *labeller, const struct label_order *order, bool *closed)
{
	bool by_fd = order->by == LABEL_BY_FD;
	__u64 id = 0;
	int error = 0;

	*closed = false;
	if (!by_fd) {
		error = labeller_open(labeller, order->kill);
		error = error ?: find_ordered(labeller, order, &id);
		if (error)
			return error;
	}
	error = give(labeller, order, id);
	if (error == -EDQUOT && order->kill)
		*closed = (!by_fd || (!labeller_open(labeller, true) &&
				      !find_ordered(labeller, order, &id))) &&
			  close_session(labeller, id);
	return explain(order, error, *closed);
}
