/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A process that may still enter network namespaces when `run` may not any more. A namespace
 * that a reload adds needs a socket from within: sock_diag closes no sessions of others, and
 * nothing else tells the cookie. And an iterator reads the sockets of the namespace that it was
 * made in, a listener takes its packets. The helper takes a namespace's descriptor and answers
 * with one of these; it has nothing open but the way to `run`, keeps what this takes alone, and
 * ends as soon as `run` does, however that ends.
 */
#ifndef HEADCOUNT_NETNS_HELPER_H
#define HEADCOUNT_NETNS_HELPER_H

#include <errno.h>
#include <linux/types.h>

#include "user/base/netns.h"

#define NETNS_HELPER_NAME "headcount-netns" /* in ps(1) */

struct netns_helper;

/* While there is one thread, and before privileges are given up. Returns 0, or a negative errno
 * after the printed error. */
int netns_helper_start(struct netns_helper **helper);

/* What the next three return after the printed error if the helper does not answer within
 * seconds, or has gone. Until that late answer has come they return this at once. */
#define NETNS_HELPER_SILENT (-EHOSTDOWN)

/* Any thread may ask. Sets the cookie of `netns`. Returns a netlink socket for sock_diag there,
 * or a negative errno after the printed error. */
int netns_helper_ask(struct netns_helper *helper, struct netns *netns);

/* An iterator made from `link` that reads the sockets of `netns`. The same; that the helper
 * does not answer is printed once, until it does. */
int netns_helper_iterate(struct netns_helper *helper, const struct netns *netns, int link);

/* A listener of ours there, or if it is `silent` in a namespace that is made for it
 * (own_listener.h). The same. */
int netns_helper_listen(struct netns_helper *helper, const struct netns *netns, bool silent);

/* How many questions were not answered since this was asked last; a helper that has gone is one
 * more, and told of. */
__u64 netns_helper_watch(struct netns_helper *helper);

/* Takes NULL. */
void netns_helper_end(struct netns_helper *helper);

#endif
