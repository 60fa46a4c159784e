/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The page /metrics, over HTTP, and beside it the one for people (user/web). A thread of its
 * own answers, so that neither a large page nor a slow reader delays the events; it only reads
 * the maps, and sockets for the second.
 */
#ifndef HEADCOUNT_METRICS_SERVER_H
#define HEADCOUNT_METRICS_SERVER_H

#include "user/config/config.h"
#include "user/kernel/attach.h"
#include "user/web/gather.h"

struct metrics_server;

/* Opens the address, or makes `*server` NULL if there is none. From now on clients can
 * connect, and wait. Prints the error. */
int metrics_listen(struct metrics_server **server, const struct config_metrics *where);

/* Begins to answer, with what `object` holds. NULL is fine, here and below. */
int metrics_serve(struct metrics_server *server, const struct headcount_bpf *object,
		  const struct config *config, const struct web_walk *walk);

/* What else is in the page from now on, and for how many at once. */
void metrics_show(struct metrics_server *server, const struct attachments *links,
		  const struct config *config);

/* Whoever is connected is cut off. */
void metrics_close(struct metrics_server *server);

#endif
