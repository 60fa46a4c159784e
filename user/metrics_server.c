// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <microhttpd.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "metrics.h"
#include "metrics_server.h"
#include "metrics_socket.h"
#include "cgroup.h"

#define CONNECTIONS  128 /* at once; others wait */
#define IDLE_SECONDS 5   /* after that a connection is closed */

struct metrics_server {
	struct metrics_socket socket;
	struct MHD_Daemon *http;
	const struct headcount_bpf *object;
	pthread_mutex_t lock; /* of the next three */
	struct metrics_programs programs;
	__u32 top_users;
	struct metrics metrics; /* of the page that is being written */
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

static enum MHD_Result reply(struct MHD_Connection *connection, unsigned int status,
			     const char *header, const char *value, char *text, size_t size,
			     enum MHD_ResponseMemoryMode mode)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(size, text, mode);
	enum MHD_Result result = MHD_NO;

	if (!response && mode == MHD_RESPMEM_MUST_FREE)
		free(text);
	if (!response)
		return MHD_NO;
	if (MHD_add_response_header(response, header, value) == MHD_YES)
		result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned int status,
			      const char *header, const char *value, const char *text)
{
	return reply(connection, status, header, value, (char *)text, strlen(text),
		     MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *url,
			      const char *method, const char *version, const char *upload,
			      size_t *upload_size, void **request)
{
	static const char *const types[] = {
		[METRICS_PROMETHEUS] = "text/plain; version=0.0.4; charset=utf-8",
		[METRICS_OPEN] = "application/openmetrics-text; version=1.0.0; charset=utf-8",
	};
	const char *accept = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Accept");
	enum metrics_format format = METRICS_PROMETHEUS;
	char *text;
	size_t size;

	(void)version, (void)upload, (void)upload_size, (void)request;
	if (strcmp(url, "/metrics"))
		return refuse(connection, MHD_HTTP_NOT_FOUND, "Content-Type", "text/plain",
			      "not found; the metrics are at /metrics\n");
	if (strcmp(method, "GET") && strcmp(method, "HEAD"))
		return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "Allow", "GET, HEAD",
			      "only GET and HEAD\n");
	if (accept && strcasestr(accept, "application/openmetrics-text"))
		format = METRICS_OPEN;
	text = render(context, format, &size);
	if (!text)
		return refuse(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "Content-Type",
			      "text/plain", "the metrics cannot be read\n");
	return reply(connection, MHD_HTTP_OK, "Content-Type", types[format], text, size,
		     MHD_RESPMEM_MUST_FREE);
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

int metrics_serve(struct metrics_server *server, const struct headcount_bpf *object)
{
	sigset_t all, before;

	if (!server)
		return 0;
	server->object = object;
	cgroup_mount(); /* remembered, and not by two threads at once */
	/* A copy of the user table is large: given back at once, not kept for the next. */
	mallopt(M_MMAP_THRESHOLD, 1 << 20);
	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	server->http = MHD_start_daemon(
		MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC, 0, NULL, NULL, answer, server,
		MHD_OPTION_LISTEN_SOCKET, server->socket.fd, MHD_OPTION_CONNECTION_LIMIT,
		CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS, MHD_OPTION_END);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!server->http)
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
		  __u32 top_users)
{
	if (!server)
		return;
	pthread_mutex_lock(&server->lock);
	server->top_users = top_users;
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
	if (server->http)
		MHD_stop_daemon(server->http); /* and its socket */
	else
		close(server->socket.fd);
	close_programs(&server->programs);
	pthread_mutex_destroy(&server->lock);
	free(server);
}
