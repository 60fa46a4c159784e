// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/base/cgroup.h"
#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/metrics/loop.h"
#include "user/metrics/page.h"
#include "user/metrics/server.h"
#include "user/metrics/socket.h"
#include "user/web/web.h"

#define CROWD_NS (500 * NS_PER_MS) /* how old a page may be that a crowd gets */

struct metrics_server {
	struct metrics_socket socket;
	struct metrics_loop *loop;
	struct web *web;
	const struct headcount_bpf *object;
	pthread_mutex_t lock; /* of the next three */
	struct metrics_programs programs;
	__u32 top_users;
	struct metrics metrics; /* of the page that is being written */
	struct page {
		struct MHD_Response *response; /* or NULL */
		__u64 made_ns;
	} pages[2]; /* by enum metrics_format; the loop's */
};

/* The page, which is the caller's to free; NULL if that is not possible. */
static char *render(struct metrics_server *server, enum metrics_format format, size_t *size)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, size);
	int error;

	if (!out)
		return NULL;
	pthread_mutex_lock(&server->lock);
	error = metrics_gather(&server->metrics, server->object, &server->programs,
			       server->top_users);
	if (!error)
		metrics_print(out, &server->metrics, format);
	metrics_free(&server->metrics);
	pthread_mutex_unlock(&server->lock);
	error |= ferror(out);
	if (!fclose(out) && !error)
		return text;
	free(text);
	return NULL;
}

/* A response to one request: a client that asks for much at once is one of many. */
static struct MHD_Response *respond(const char *header, const char *value, const char *text,
				    size_t size, enum MHD_ResponseMemoryMode mode)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(size, (void *)text, mode);

	if (!response && mode == MHD_RESPMEM_MUST_FREE)
		free((void *)text);
	if (response && MHD_add_response_header(response, header, value) == MHD_YES &&
	    MHD_add_response_header(response, "Connection", "close") == MHD_YES)
		return response;
	if (response)
		MHD_destroy_response(response);
	return NULL;
}

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned int status,
			      const char *header, const char *value, const char *text)
{
	return web_queue(connection, status,
			 respond(header, value, text, strlen(text), MHD_RESPMEM_PERSISTENT));
}

static void forget(struct page *page)
{
	if (page->response)
		MHD_destroy_response(page->response);
	page->response = NULL;
}

/* A new one for each request; of a crowd each gets the one that was made just now. NULL if it
 * cannot be made. */
static struct MHD_Response *page_of(struct metrics_server *server, enum metrics_format format)
{
	static const char *const types[] = {
		[METRICS_PROMETHEUS] = "text/plain; version=0.0.4; charset=utf-8",
		[METRICS_OPEN] = "application/openmetrics-text; version=1.0.0; charset=utf-8",
	};
	struct page *page = &server->pages[format];
	size_t size;
	char *text;

	if (page->response && metrics_loop_is_crowded(server->loop) &&
	    clock_monotonic_ns() < page->made_ns + CROWD_NS)
		return page->response;
	forget(page);
	text = render(server, format, &size);
	if (text)
		page->response = respond("Content-Type", types[format], text, size,
					 MHD_RESPMEM_MUST_FREE);
	page->made_ns = clock_monotonic_ns();
	return page->response;
}

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *url,
			      const char *method, const char *version, const char *upload,
			      size_t *upload_size, void **request)
{
	const char *accept = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Accept");
	enum metrics_format format = METRICS_PROMETHEUS;
	struct metrics_server *server = context;
	bool for_people = web_has(server->web, url);
	struct MHD_Response *page;

	(void)version, (void)upload, (void)upload_size, (void)request;
	if (!for_people && strcmp(url, "/metrics"))
		return refuse(connection, MHD_HTTP_NOT_FOUND, "Content-Type", "text/plain",
			      "not found; the metrics are at /metrics\n");
	if (strcmp(method, "GET") && strcmp(method, "HEAD"))
		return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "Allow", "GET, HEAD",
			      "only GET and HEAD\n");
	if (for_people)
		return web_answer(server->web, connection, url,
				  config_metrics_path(&server->socket.where));
	if (accept && strcasestr(accept, "application/openmetrics-text"))
		format = METRICS_OPEN;
	page = page_of(server, format);
	if (!page)
		return refuse(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "Content-Type",
			      "text/plain", "the metrics cannot be read\n");
	return MHD_queue_response(connection, MHD_HTTP_OK, page);
}

static int tick(void *context)
{
	const struct metrics_server *server = context;

	return web_tick(server->web);
}

int metrics_listen(struct metrics_server **server, const struct config_metrics *where)
{
	int error;

	*server = NULL;
	if (!*where->text)
		return 0;
	*server = calloc(1, sizeof(**server));
	if (!*server)
		return hc_error_errno(ENOMEM, "cannot listen on %s", where->text);
	pthread_mutex_init(&(*server)->lock, NULL);
	error = metrics_socket_open(&(*server)->socket, where);
	if (!error) {
		hc_step("opened %s for metrics", where->text);
		return 0;
	}
	free(*server);
	*server = NULL;
	return error;
}

int metrics_serve(struct metrics_server *server, const struct headcount_bpf *object,
		  const struct config *config, const struct web_walk *walk)
{
	const struct metrics_loop_work work = {answer, tick, server};

	if (!server)
		return 0;
	server->object = object;
	server->web = web_new(object, walk);
	if (!server->web)
		return -ENOMEM;
	cgroup_mount(); /* remembered, and not by two threads at once */
	/* A copy of the user table is large: given back at once, not kept for the next. */
	mallopt(M_MMAP_THRESHOLD, 1 << 20);
	if (metrics_loop_start(&server->loop, server->socket.fd, &work, config->metrics.max))
		return hc_error("cannot serve the metrics on %s", server->socket.where.text);
	return 0;
}

static void close_programs(struct metrics_programs *programs)
{
	while (programs->count)
		close(programs->fds[--programs->count]);
	free(programs->fds);
	programs->fds = NULL;
}

void metrics_show(struct metrics_server *server, const struct attachments *links,
		  const struct config *config)
{
	if (!server)
		return;
	pthread_mutex_lock(&server->lock);
	server->top_users = config->metrics_top_users;
	if (server->web)
		web_show(server->web, config_has_page(&config->metrics), links->count);
	if (server->loop)
		metrics_loop_limit(server->loop, config->metrics.max);
	close_programs(&server->programs);
	server->programs.fds = calloc(links->count, sizeof(int));
	for (size_t i = 0; i < links->count && server->programs.fds; i++) {
		int fd = fcntl(links->items[i].program, F_DUPFD_CLOEXEC, 0);

		if (fd >= 0)
			server->programs.fds[server->programs.count++] = fd;
	}
	pthread_mutex_unlock(&server->lock);
}

void metrics_close(struct metrics_server *server)
{
	if (!server)
		return;
	metrics_socket_remove(&server->socket);
	metrics_loop_stop(server->loop);
	web_free(server->web);
	for (size_t i = 0; i < 2; i++)
		forget(&server->pages[i]);
	close(server->socket.fd);
	close_programs(&server->programs);
	pthread_mutex_destroy(&server->lock);
	free(server);
}
