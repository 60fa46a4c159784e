/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Looks for dead peers when the page asks, in the thread that serves it: in the namespaces that
 * sweep.h tells of, with a program and descriptors of its own, so that the main thread, which
 * may sweep or reload meanwhile, has nothing to wait for but an answer of the helper.
 */
#ifndef HEADCOUNT_LOOK_H
#define HEADCOUNT_LOOK_H

#include "user/daemon/netns_helper.h"
#include "user/kernel/walk.h"

struct look;

/* Loads the program on the maps of `object`. Prints the error. The helper outlives it. */
int look_new(struct look **look, struct headcount_bpf *object, struct netns_helper *helper);

/* From now on in these namespaces. Waits for a walk to end. */
int look_in(struct look *look, const struct netns_list *netns);

/* As struct web_walk has it; `look` is the context. */
int look_walk(void *look, __u32 unanswered, struct walk_sockets *found);

/* Nobody walks any more. Takes NULL. */
void look_free(struct look *look);

#endif
