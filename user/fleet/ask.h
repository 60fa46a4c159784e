/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Asks the hosts of a fleet through the store, and gathers what they answer.
 *
 * Keys of the store, all below the fleet's prefix:
 *
 *   PREFIX:hosts         hash of the hosts that answer: name -> when it last said so, in
 * seconds PREFIX:request:ID    the request, for as long as it is waited for PREFIX:ask channel:
 * "ID", or "ID NAME" for one host alone PREFIX:answers:ID    list of what is answered: "NAME
 * KIND" and, by its kind, " BYTES"
 *
 * Kinds: `a`, the host has taken the request; `o` and `e`, the next bytes that the command
 * printed and said; `z`, it has ended, with its exit code. Whoever may write to the store may
 * answer for any host: an answer is as hostile as a request, and bounded.
 */
#ifndef HEADCOUNT_FLEET_ASK_H
#define HEADCOUNT_FLEET_ASK_H

#include "user/fleet/told.h"

#define ASK_ID           32          /* letters */
#define ASK_PIECE        (64 * 1024) /* bytes of an answer at once */
#define ASK_WORK_SECONDS 20          /* that a command may take */
#define ASK_HOST_SECONDS 3600        /* for how long a host is missed */
#define ASK_KEY          (CONFIG_PREFIX_MAX + ASK_ID + 16)

/*
 * Asks all hosts, or the one called `only` (NULL: all), and waits until those that were there
 * lately have answered, for 3 seconds to hear of each at all, and for those that have begun
 * until ASK_WORK_SECONDS are over and a little more. Returns 0, however few have answered, or a
 * negative errno after the printed error. Free the answers in any case.
 */
int fleet_ask(const struct config_fleet *fleet, const char *only,
	      const struct fleet_request *request, struct fleet_answers *answers);

/* "PREFIX:NAME", or with an id "PREFIX:NAME:ID". Returns `key`. */
char *fleet_ask_key(const struct config_fleet *fleet, const char *name, const char *id,
		    char key[ASK_KEY]);

#endif
