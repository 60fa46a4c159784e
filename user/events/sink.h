/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside the sinks: what each kind of them does. */
#ifndef HEADCOUNT_SINK_H
#define HEADCOUNT_SINK_H

#include <poll.h>
#include <signal.h>
#include "user/base/clock.h"
#include "user/config/sink_list.h"
#include "user/events/line_log.h"

struct sinks;

struct sink {
	const struct sink_kind_row *row;
	struct sink_spec spec;
	struct sinks *sinks;
	bool wanted; /* by the list that is being prepared */
};

struct sinks {
	struct line_log log;
	struct origin origin;
	struct sink *items[SINKS_MAX], *next[SINKS_MAX];
	size_t count, next_count;
	/* Of all sockets together. Those who are there when a reload lowers it stay. */
	unsigned int subscribers, subscribers_max, next_subscribers_max;
	struct subscriber_user *users; /* who has them */
	__u64 full_told_ns;            /* when it was last said that there is no room, or 0 */
	__u64 turned_away;             /* since then */
	int out;
	int out_error; /* stdout has gone */
	__u64 unread;  /* lines that it did not take when we were to end */
	const volatile sig_atomic_t *hurry;
	__u64 deadline_ns; /* of all writing, from when we are to end; before that 0 */
	struct pollfd *polls;
	size_t polls_room;
};

/* Functions that a kind does not need are NULL. */
struct sink_kind_row {
	/* Opens it, and has it join the log. NULL on an error, which is printed. */
	struct sink *(*open)(struct sinks *sinks, const struct sink_spec *spec,
			     const struct sink_list *list);
	/* Of a sink that a reload keeps: prepares the new settings, then takes or drops
	 * them. */
	int (*prepare)(struct sink *sink, const struct sink_list *list);
	void (*commit)(struct sink *sink, bool alone);
	void (*abandon)(struct sink *sink);
	/* The file to poll for new readers, and taking one: was there one? */
	int (*listens)(const struct sink *sink);
	bool (*arrived)(struct sink *sink);
	void (*event)(struct sink *sink, const struct print_context *context,
		      const struct hc_event *event);
	void (*lost)(struct sink *sink, const struct print_context *context, const char *word,
		     __u64 lost);
	void (*fleet)(struct sink *sink, const struct print_context *context,
		      const struct print_fleet *fleet);
	/* Waits for what is not in the log, until the deadline. */
	void (*finish)(struct sink *sink, __u64 deadline_ns);
	void (*take_losses)(struct sink *sink, __u64 losses[]);
	void (*free)(struct sink *sink);
};

extern const struct sink_kind_row sink_stdout, sink_file, sink_unix, sink_journal;

#define SINKS_PATIENCE_MS 3000 /* for slow readers, when we are to end */

/* The deadline for all writing, once we are to end. */
static inline __u64 sinks_deadline(struct sinks *sinks)
{
	if (!sinks->deadline_ns)
		sinks->deadline_ns = clock_monotonic_ns() + SINKS_PATIENCE_MS * NS_PER_MS;
	return sinks->deadline_ns;
}

#endif
