/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The page for people, beside /metrics and by the same server: a file of HTML, its style and
 * script, and page.json, which the script asks for every two seconds. It only reads. One answer
 * is for all who look, and while nobody looks nothing is read but the counters of its curves.
 */
#ifndef HEADCOUNT_WEB_H
#define HEADCOUNT_WEB_H

#include <microhttpd.h>

#include "user/web/gather.h"

struct web;

/* NULL after the printed error. What `walk` needs outlives it. */
struct web *web_new(const struct headcount_bpf *object, const struct web_walk *walk);
void web_free(struct web *web);

/* Is the page served from now on, and how many programs are attached? By any thread; the rest
 * by the server's. */
void web_show(struct web *web, bool served, unsigned int programs);

/* Is it served, and the URL one of its own? */
bool web_has(const struct web *web, const char *url);

/* Answers GET and HEAD of such a URL. `any_host`: no browser comes by this way. */
enum MHD_Result web_answer(struct web *web, struct MHD_Connection *connection, const char *url,
			   bool any_host);

/* Answers with a response, and gives it up. NULL: it could not be made, the connection ends. */
enum MHD_Result web_queue(struct MHD_Connection *connection, unsigned int status,
			  struct MHD_Response *response);

/* Does what time asks for: to be called again after so many milliseconds, or -1. */
int web_tick(struct web *web);

#endif
