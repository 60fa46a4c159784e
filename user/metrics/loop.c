// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/base/thread.h"
#include "user/metrics/loop.h"
#include "user/metrics/peers.h"

#define IDLE_SECONDS 5                    /* without a byte; then a connection is closed */
#define SLOW_NS      (10 * NS_PER_SECOND) /* with the request and the taking of the answer */
#define MUTE_NS      NS_PER_SECOND /* after a failed accept(), which would fail again at once */
#define TICK_MS      1000          /* how often those who are slow are looked for */

struct metrics_loop {
	pthread_t thread;
	struct MHD_Daemon *http;
	struct metrics_loop_work work;
	int listener, wake;
	atomic_uint max;
	atomic_bool stop;
	/* The thread's own. */
	struct metrics_peers peers;
	struct metrics_peer newcomer; /* who is being taken */
	__u64 mute_ns;                /* until then no one is taken, or 0 */
	unsigned int in_a_row;        /* newcomers, without a pause */
};

static void on_connection(void *context, struct MHD_Connection *connection, void **own,
			  enum MHD_ConnectionNotificationCode what)
{
	struct metrics_loop *loop = context;
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
		metrics_peers_remove(&loop->peers, (intptr_t)*own);
		return;
	}
	*own = (void *)(intptr_t)info->connect_fd;
	metrics_peers_add(&loop->peers, info->connect_fd, &loop->newcomer,
			  clock_monotonic_ns());
}

/* The library sees the end of one that is to go when it runs, and closes it. */
static bool make_room_for_newcomer(struct metrics_loop *loop)
{
	bool more = true;

	while (loop->peers.count >= loop->max && more) {
		more = metrics_peers_make_room(&loop->peers, &loop->newcomer);
		MHD_run(loop->http);
	}
	return loop->peers.count < loop->max;
}

static void take_newcomer(struct metrics_loop *loop)
{
	struct sockaddr_storage address = {};
	socklen_t size = sizeof(address);
	int fd = accept4(loop->listener, (struct sockaddr *)&address, &size,
			 SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0) {
		if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
			return;
		if (!loop->mute_ns)
			hc_error_errno(errno,
				       "cannot accept connections for metrics (retrying)");
		loop->mute_ns = clock_monotonic_ns() + MUTE_NS;
		return;
	}
	loop->mute_ns = 0;
	loop->newcomer = metrics_peer_of(fd, (struct sockaddr *)&address);
	if (!make_room_for_newcomer(loop)) {
		close(fd);
		return;
	}
	/* It closes what it does not take. */
	MHD_add_connection(loop->http, fd, (struct sockaddr *)&address, size);
}

static int sooner(int a, int b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

static int next_tick(struct metrics_loop *loop)
{
	int tick = loop->work.tick(loop->work.context);
	MHD_UNSIGNED_LONG_LONG ms;

	if (loop->peers.count || loop->mute_ns)
		tick = sooner(tick, TICK_MS);
	if (MHD_get_timeout(loop->http, &ms) == MHD_YES && ms < TICK_MS)
		tick = sooner(tick, ms);
	return tick;
}

static void *serve_clients(void *context)
{
	struct metrics_loop *loop = context;
	int epoll = MHD_get_daemon_info(loop->http, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;

	while (!loop->stop) {
		bool mute = loop->mute_ns && clock_monotonic_ns() < loop->mute_ns;
		struct pollfd polls[] = {
			{loop->wake, POLLIN, 0},
			{epoll, POLLIN, 0},
			{mute ? -1 : loop->listener, POLLIN, 0},
		};
		eventfd_t woken;
		__u64 now;

		poll(polls, 3, next_tick(loop));
		eventfd_read(loop->wake, &woken);
		/* One, and then all are served, so that none goes before it could ask. */
		loop->in_a_row = polls[2].revents ? loop->in_a_row + 1 : 0;
		if (polls[2].revents)
			take_newcomer(loop);
		now = clock_monotonic_ns();
		if (now > SLOW_NS)
			metrics_peers_end_before(&loop->peers, now - SLOW_NS);
		MHD_run(loop->http);
	}
	return NULL;
}

int metrics_loop_start(struct metrics_loop **result, int listener,
		       const struct metrics_loop_work *work, unsigned int max)
{
	struct metrics_loop *loop = calloc(1, sizeof(*loop));

	*result = loop;
	if (!loop)
		return -ENOMEM;
	loop->work = *work;
	loop->listener = listener;
	loop->max = max;
	loop->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->wake >= 0)
		loop->http = MHD_start_daemon(
			MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL, work->answer,
			work->context, MHD_OPTION_CONNECTION_LIMIT, CONFIG_METRICS_MAX_MAX,
			MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS,
			MHD_OPTION_NOTIFY_CONNECTION, on_connection, loop, MHD_OPTION_END);
	if (loop->http && !thread_start(&loop->thread, serve_clients, loop))
		return 0;
	if (loop->http)
		MHD_stop_daemon(loop->http);
	if (loop->wake >= 0)
		close(loop->wake);
	free(loop);
	*result = NULL;
	return -EIO;
}

bool metrics_loop_is_crowded(const struct metrics_loop *loop)
{
	return loop->in_a_row > loop->max;
}

void metrics_loop_limit(struct metrics_loop *loop, unsigned int max)
{
	loop->max = max;
	eventfd_write(loop->wake, 1);
}

void metrics_loop_stop(struct metrics_loop *loop)
{
	if (!loop)
		return;
	loop->stop = true;
	eventfd_write(loop->wake, 1);
	pthread_join(loop->thread, NULL);
	MHD_stop_daemon(loop->http);
	close(loop->wake);
	free(loop);
}
