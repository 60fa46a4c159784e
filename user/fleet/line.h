/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A connection to the primary of a store for who asks and answers questions of the fleet: one
 * command after the other, each waited for. The store's client (store.h) finds the primary; no
 * message of the protocol is sent. Of one thread, in which SIGPIPE is blocked or ignored.
 */
#ifndef HEADCOUNT_FLEET_LINE_H
#define HEADCOUNT_FLEET_LINE_H

#include <stdatomic.h>

#include "user/config/config.h"
#include "user/fleet/store_reply.h"

struct line;
struct store_name;

/* Names of a store's places that are still asked for. Zeroes: none. */
struct line_names {
	struct store_name *each[STORE_PLACES_MAX + 1];
};

#define LINE_WHY 528

/*
 * Finds the primary of the first of these stores until `until` (CLOCK_BOOTTIME, as all times
 * here), or until all of its places have been tried once and no name's answer is still to come.
 * `stop`, where there is one, ends the waiting. What is asked for names when it gives up is
 * left in `names`, where the next try finds it: a resolver may take longer than any `until`.
 * Returns 0, or a negative errno with `why`, which may quote a server; `*line` is NULL then.
 */
int line_open(struct line **line, const struct config_fleet *fleet, __u64 until,
	      struct line_names *names, const atomic_bool *stop, char why[LINE_WHY]);

/* Another one to the very server that `other` has, without asking for its name again. */
int line_open_beside(struct line **line, const struct line *other,
		     const struct config_fleet *fleet, __u64 until);

/* Waits for nothing, and leaves zeroes. */
void line_names_drop(struct line_names *names);

/* Takes NULL. */
void line_close(struct line *line);

/* Sends a command and waits for its reply, which stays until the next call. Returns 0, or a
 * negative errno: the line is of no use any more, and line_why() tells why. */
int line_ask(struct line *line, const struct fleet_word *words, size_t count, __u64 until,
	     const struct store_reply **reply);

/* The same of texts, NULL behind the last. */
int line_say(struct line *line, __u64 until, const struct store_reply **reply,
	     const char *const *texts);

/* Something may have come that nobody asked for (to who has subscribed). 1: it is in `*reply`;
 * 0: nothing has; or a negative errno. */
int line_hear(struct line *line, const struct store_reply **reply);

/* Sends a command and waits for nothing; its reply comes by line_hear(). */
int line_send(struct line *line, const struct fleet_word *words, size_t count);

int line_fd(const struct line *line);

const char *line_why(const struct line *line);

#endif
