// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "record.h"
#include "user/answer/connection.h"
#include "user/answer/server.h"
#include "user/answer/talk.h"
#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/base/thread.h"

#define TIME_NS    (ANSWERS_SECONDS * NS_PER_SECOND)
#define LOOK_NS    (TALK_LOOK_MS * NS_PER_MS)
#define MUTE_NS    NS_PER_SECOND /* after a failed accept(), which would fail again at once */
#define AT_ONCE    64            /* newcomers of a listener, and then all others are served */
#define BUFFER     16384         /* for what a client may say before it is read */
#define EVENTS_MAX 256
#define NICENESS   10 /* a flood of clients takes no time from the events */

struct listener {
	int fd;
	enum hc_answer protocol;
	struct answer_text *text; /* or NULL */
	char service[HC_NAME_MAX];
	struct listener *next;
};

struct answers {
	pthread_t thread;
	int wake, talks, doors; /* an eventfd; epoll: of the connections, of the listeners */
	bool started;           /* of the owner, who starts and frees it */
	atomic_bool stop;
	pthread_mutex_t lock; /* of all below: the thread lets go of it only to wait */
	struct listener *listeners;
	struct answers_counts counts;
	__u64 mute_ns; /* until then no one is taken, or 0 */
	struct crowd crowd;
};

static struct answer_text *hold(struct answer_text *text)
{
	if (text)
		text->holders++;
	return text;
}

static void let_go(struct answer_text *text)
{
	if (text && !--text->holders)
		free(text);
}

/* `otherwise` counts it, unless it has had its answer. */
static void end(struct answers *answers, struct connection *connection, __u64 *otherwise)
{
	if (connection->leaving && talk_has_answered(&connection->talk))
		answers->counts.answered++;
	else
		++*otherwise;
	close(connection->fd);
	let_go(connection->text);
	crowd_remove(&answers->crowd, connection);
}

static void go_on(struct answers *answers, struct connection *connection)
{
	if (!connection_go_on(connection))
		end(answers, connection, &answers->counts.left);
}

static bool make_room(struct answers *answers, const struct client *newcomer)
{
	struct connection *connection;

	if (answers->crowd.count < ANSWERS_MAX)
		return true;
	connection = crowd_makes_room(&answers->crowd, newcomer);
	if (!connection)
		return false;
	/* What can be said in a hurry is said. */
	talk_silence(&connection->talk);
	connection_go_on(connection);
	end(answers, connection, &answers->counts.crowded);
	return true;
}

static void welcome(struct answers *answers, const struct listener *listener, int fd,
		    const struct client *client)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};
	struct connection *connection = NULL;
	struct talk_piece file = {};

	if (make_room(answers, client))
		connection = crowd_add(&answers->crowd, fd, client, clock_monotonic_ns());
	if (!connection) {
		answers->counts.crowded++;
		close(fd);
		return;
	}
	connection->text = hold(listener->text);
	if (connection->text)
		file = (struct talk_piece){connection->text->bytes, connection->text->size};
	talk_begin(&connection->talk, listener->protocol, file);
	event.data.ptr = connection;
	if (epoll_ctl(answers->talks, EPOLL_CTL_ADD, fd, &event))
		end(answers, connection, &answers->counts.left);
	else
		go_on(answers, connection);
}

static void accept_from(struct answers *answers, const struct listener *listener)
{
	for (int i = 0; i < AT_ONCE; i++) {
		struct sockaddr_storage address = {};
		socklen_t size = sizeof(address);
		struct client client;
		int fd = accept4(listener->fd, (struct sockaddr *)&address, &size,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 && errno == ECONNABORTED)
			continue;
		if (fd < 0 && errno != EAGAIN) {
			if (!answers->mute_ns)
				hc_error_errno(errno,
					       "cannot answer who is over the cap of service "
					       "%s (retrying)",
					       listener->service);
			answers->mute_ns = clock_monotonic_ns() + MUTE_NS;
		}
		if (fd < 0)
			return;
		answers->mute_ns = 0;
		client = client_of(&address);
		welcome(answers, listener, fd, &client);
	}
}

/* Those whose time has come: to be answered in plain text, or to go. */
static void look_at_clock(struct answers *answers, __u64 now)
{
	struct crowd *crowd = &answers->crowd;
	struct connection *connection;

	while (crowd->looking && now >= crowd->looking->since_ns + LOOK_NS) {
		connection = crowd->looking;
		crowd->looking = connection->newer;
		talk_silence(&connection->talk);
		go_on(answers, connection);
	}
	while (crowd->oldest && now >= crowd->oldest->since_ns + TIME_NS)
		end(answers, crowd->oldest, &answers->counts.late);
}

/* Nothing here waits. */
static void serve(struct answers *answers)
{
	struct epoll_event events[EVENTS_MAX];
	int count = epoll_wait(answers->talks, events, EVENTS_MAX, 0);
	bool mute;

	for (int i = 0; i < count; i++) {
		struct connection *connection = events[i].data.ptr;

		/* A process that was forked may hold one that we have ended. */
		if (connection->fd >= 0)
			go_on(answers, connection);
	}
	look_at_clock(answers, clock_monotonic_ns());
	mute = clock_monotonic_ns() < answers->mute_ns;
	count = mute ? 0 : epoll_wait(answers->doors, events, EVENTS_MAX, 0);
	for (int i = 0; i < count; i++)
		accept_from(answers, events[i].data.ptr);
	answers->counts.open = answers->crowd.count;
}

/* Until what comes first, in milliseconds, rounded up; -1: nothing does. */
static int next_time(const struct answers *answers)
{
	const struct crowd *crowd = &answers->crowd;
	__u64 next = ~0ull, now = clock_monotonic_ns();

	if (crowd->looking)
		next = crowd->looking->since_ns + LOOK_NS;
	if (crowd->oldest && crowd->oldest->since_ns + TIME_NS < next)
		next = crowd->oldest->since_ns + TIME_NS;
	if (answers->mute_ns > now && answers->mute_ns < next)
		next = answers->mute_ns;
	if (next == ~0ull)
		return -1;
	return next > now ? (next - now + NS_PER_MS - 1) / NS_PER_MS : 0;
}

static void *serve_clients(void *context)
{
	struct answers *answers = context;

	setpriority(PRIO_PROCESS, 0, NICENESS); /* of this thread alone */
	pthread_mutex_lock(&answers->lock);
	while (!answers->stop) {
		bool mute = clock_monotonic_ns() < answers->mute_ns;
		struct pollfd polls[] = {
			{answers->wake, POLLIN, 0},
			{answers->talks, POLLIN, 0},
			{mute ? -1 : answers->doors, POLLIN, 0},
		};
		int timeout = next_time(answers);

		pthread_mutex_unlock(&answers->lock);
		poll(polls, 3, timeout);
		pthread_mutex_lock(&answers->lock);
		serve(answers);
	}
	while (answers->crowd.oldest)
		end(answers, answers->crowd.oldest, &answers->counts.late);
	pthread_mutex_unlock(&answers->lock);
	return NULL;
}

static void free_all(struct answers *answers)
{
	int files[] = {answers->wake, answers->talks, answers->doors};

	for (size_t i = 0; i < 3; i++)
		if (files[i] >= 0)
			close(files[i]);
	pthread_mutex_destroy(&answers->lock);
	free(answers);
}

int answers_new(struct answers **result)
{
	struct answers *answers = calloc(1, sizeof(*answers));
	int error = 0;

	*result = NULL;
	if (!answers)
		return hc_error_errno(ENOMEM, "cannot answer who is over a cap");
	crowd_init(&answers->crowd);
	pthread_mutex_init(&answers->lock, NULL);
	answers->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	answers->talks = epoll_create1(EPOLL_CLOEXEC);
	answers->doors = epoll_create1(EPOLL_CLOEXEC);
	if (answers->wake < 0 || answers->talks < 0 || answers->doors < 0)
		error = -errno;
	if (error) {
		free_all(answers);
		return hc_error_errno(error, "cannot answer who is over a cap");
	}
	*result = answers;
	return 0;
}

int answers_start(struct answers *answers)
{
	int error = thread_start(&answers->thread, serve_clients, answers);

	answers->started = !error;
	return error ? hc_error_errno(error, "cannot answer who is over a cap") : 0;
}

/* -ENOMEM, or 0 and a text that one holds, or none. */
static int copy_text(struct answer_text **text, const struct answers_what *what)
{
	*text = NULL;
	if (what->protocol != HC_ANSWER_FILE)
		return 0;
	*text = malloc(sizeof(**text) + what->file.size);
	if (!*text)
		return -ENOMEM;
	**text = (struct answer_text){.holders = 1, .size = what->file.size};
	memcpy((*text)->bytes, what->file.bytes, what->file.size);
	return 0;
}

/* What its connections inherit. A client that takes nothing does not keep the kernel sending
 * after we have closed. */
static int prepare(int fd)
{
	unsigned int timeout_ms = ANSWERS_SECONDS * 1000;
	int buffer = BUFFER;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer)) ||
	    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms)))
		return -errno;
	return 0;
}

static struct listener **find(struct answers *answers, int fd)
{
	struct listener **at = &answers->listeners;

	while (*at && (*at)->fd != fd)
		at = &(*at)->next;
	return at;
}

/* The listener as it is in the list. Nothing else is changed after an error. */
static int put_in(struct answers *answers, struct listener *listener)
{
	struct listener **at = find(answers, listener->fd), *old = *at;
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = listener};

	if (epoll_ctl(answers->doors, old ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, listener->fd,
		      &event))
		return -errno;
	listener->next = old ? old->next : NULL;
	*at = listener;
	if (old)
		let_go(old->text);
	free(old);
	return 0;
}

int answers_add(struct answers *answers, int fd, const struct answers_what *what)
{
	struct listener *listener = calloc(1, sizeof(*listener));
	int error = listener ? prepare(fd) : -ENOMEM;

	error = error ?: copy_text(&listener->text, what);
	if (error) {
		free(listener);
		return hc_error_errno(error, "cannot answer who is over the cap of service %s",
				      what->service);
	}
	listener->fd = fd;
	listener->protocol = what->protocol;
	strncpy(listener->service, what->service, sizeof(listener->service) - 1);
	pthread_mutex_lock(&answers->lock);
	error = put_in(answers, listener);
	pthread_mutex_unlock(&answers->lock);
	if (!error)
		return 0;
	free(listener->text);
	free(listener);
	return hc_error_errno(error, "cannot answer who is over the cap of service %s",
			      what->service);
}

void answers_remove(struct answers *answers, int fd)
{
	struct listener **at, *listener;

	pthread_mutex_lock(&answers->lock);
	at = find(answers, fd);
	listener = *at;
	if (listener) {
		*at = listener->next;
		epoll_ctl(answers->doors, EPOLL_CTL_DEL, fd, NULL);
		let_go(listener->text);
		free(listener);
	}
	pthread_mutex_unlock(&answers->lock);
}

struct answers_counts answers_count(struct answers *answers)
{
	struct answers_counts counts = {};

	if (!answers)
		return counts;
	pthread_mutex_lock(&answers->lock);
	counts = answers->counts;
	pthread_mutex_unlock(&answers->lock);
	return counts;
}

void answers_free(struct answers *answers)
{
	if (!answers)
		return;
	answers->stop = true;
	eventfd_write(answers->wake, 1);
	if (answers->started)
		pthread_join(answers->thread, NULL);
	while (answers->listeners)
		answers_remove(answers, answers->listeners->fd);
	free_all(answers);
}
