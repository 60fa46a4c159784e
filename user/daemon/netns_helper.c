// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "user/base/log.h"
#include "user/base/netns.h"
#include "user/base/privileges.h"
#include "user/base/unix_socket.h"
#include "user/daemon/beside.h"
#include "user/daemon/netns_helper.h"
#include "user/daemon/own_listener.h"

struct netns_helper {
	pid_t pid;
	int fd;
	pthread_mutex_t lock; /* of all below */
	bool owes;            /* an answer: until it has come, nothing else is asked */
	bool gone;
	bool told;      /* that it does not answer, by who asks often */
	__u64 in_vain;  /* questions that were not answered, */
	__u64 reported; /* of which so many were reported */
};

#define PATIENCE_S 2 /* for an answer: whoever stops the helper must not stop us */

/* Both ways, with descriptors: a namespace and perhaps an iterator's link, or what was opened
 * there. */
struct note {
	enum { A_SOCKET_OR_ITERATOR, A_LISTENER, A_SILENT_LISTENER } want; /* of the question */
	int error; /* both are of the answer */
	unsigned int cookie;
};

/* In the namespace `fds[0]`: reads its sockets by the iterator's link `fds[1]`, or makes a
 * socket for sock_diag. A descriptor, or a negative errno. */
static int open_there(const int fds[UNIX_FDS], struct note *note)
{
	int fd;

	if (note->want != A_SOCKET_OR_ITERATOR)
		return own_listener_open(note->want == A_SILENT_LISTENER);
	if (fds[1] >= 0) {
		fd = bpf_iter_create(fds[1]);
		return fd < 0 ? -errno : fd;
	}
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	note->cookie = netns_cookie(fd);
	return fd < 0 ? -errno : fd;
}

/* The helper, to its end. */
static void serve_run(int way)
{
	int home, fds[UNIX_FDS], answer[UNIX_FDS];
	struct note note;

	way = beside_begin(way, NETNS_HELPER_NAME);
	if (way < 0 || privileges_drop_to_enter())
		_exit(1);
	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	while (!unix_receive(way, &note, sizeof(note), fds)) {
		note.cookie = 0;
		answer[1] = -1;
		if (setns(note.want == A_SILENT_LISTENER ? home : fds[0], CLONE_NEWNET)) {
			answer[0] = -errno;
		} else {
			answer[0] = open_there(fds, &note);
			if (setns(home, CLONE_NEWNET))
				_exit(1); /* it would keep a foreign namespace */
		}
		note.error = answer[0] < 0 ? answer[0] : 0;
		if (unix_send(way, &note, sizeof(note), answer))
			_exit(1);
		for (int i = 0; i < UNIX_FDS; i++)
			if (fds[i] >= 0)
				close(fds[i]);
		if (answer[0] >= 0)
			close(answer[0]);
	}
	_exit(0);
}

int netns_helper_start(struct netns_helper **result)
{
	struct netns_helper *helper = calloc(1, sizeof(*helper));
	const struct timeval patience = {.tv_sec = PATIENCE_S};
	int ways[2];

	*result = helper;
	if (!helper)
		return hc_error_errno(ENOMEM, "cannot start a process");
	pthread_mutex_init(&helper->lock, NULL);
	helper->pid = -1;
	helper->fd = -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ways))
		return hc_error_errno(errno, "cannot make a socket");
	helper->fd = ways[0];
	helper->pid = fork();
	if (!helper->pid)
		serve_run(ways[1]);
	close(ways[1]);
	setsockopt(helper->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(helper->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (helper->pid < 0)
		return hc_error_errno(errno, "cannot start a process");
	hc_step("started the process %d, which may enter network namespaces", helper->pid);
	return 0;
}

/* What it says too late is no answer to what we ask: it is put away. -EAGAIN: it has not come
 * yet. So a helper that was stopped keeps nobody waiting twice, and is asked when it goes on.
 */
static int put_away(struct netns_helper *helper)
{
	struct pollfd ready = {helper->fd, POLLIN, 0};
	int fds[UNIX_FDS], error;
	struct note note;

	if (!helper->owes)
		return 0;
	if (poll(&ready, 1, 0) <= 0)
		return -EAGAIN;
	error = unix_receive(helper->fd, &note, sizeof(note), fds);
	for (int i = 0; i < UNIX_FDS; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	helper->owes = error;
	return error;
}

/* Of the helper. Any other error is ours, of this moment: no memory, too many descriptors under
 * way. */
static bool is_end(int error)
{
	return error == -EPIPE || error == -ECONNRESET;
}

static int ask_and_hear(struct netns_helper *helper, struct note *note, int fds[UNIX_FDS])
{
	int error = put_away(helper);

	error = error ?: unix_send(helper->fd, note, sizeof(*note), fds);
	if (!error) {
		error = unix_receive(helper->fd, note, sizeof(*note), fds);
		helper->owes = error && !is_end(error);
	}
	return error;
}

static int exchange(struct netns_helper *helper, struct note *note, int fds[UNIX_FDS])
{
	sigset_t all, before;
	int error;

	/* An alarm each second (signals.c) would have the time limit begin again, each time. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = ask_and_hear(helper, note, fds);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	helper->in_vain += error < 0;
	helper->gone |= is_end(error);
	return error;
}

/* Once, of those who ask again and again. */
static void complain(struct netns_helper *helper, const char *where, const char *name,
		     int error, bool often)
{
	if (!often || !helper->told)
		hc_error_errno(error,
			       "%s%s: the process " NETNS_HELPER_NAME
			       ", which would enter it, %s",
			       where, name,
			       helper->gone ? "has ended (restart run)"
					    : "does not answer (is it stopped?)");
	helper->told |= often;
}

/* What the helper opens in `netns`, or a negative errno after the printed error: `cannot`. */
static int ask(struct netns_helper *helper, const struct netns *netns, int link,
	       struct note *note, const char *cannot)
{
	const char *kind = *netns->name ? "netns " : "our network namespace";
	int fds[UNIX_FDS] = {netns->fd, link}, error;

	pthread_mutex_lock(&helper->lock);
	error = exchange(helper, note, fds);
	if (error)
		complain(helper, kind, netns->name, error, link >= 0);
	else
		helper->told = false;
	pthread_mutex_unlock(&helper->lock);
	if (error)
		return NETNS_HELPER_SILENT;
	if (fds[0] < 0)
		return hc_error_errno(note->error ?: -EBADMSG, "%s%s: cannot %s there", kind,
				      netns->name, cannot);
	return fds[0];
}

int netns_helper_ask(struct netns_helper *helper, struct netns *netns)
{
	struct note note = {};
	int fd = ask(helper, netns, -1, &note, "close sessions");

	if (fd >= 0)
		netns->cookie = note.cookie;
	return fd;
}

int netns_helper_iterate(struct netns_helper *helper, const struct netns *netns, int link)
{
	struct note note = {};

	return ask(helper, netns, link, &note, "read sessions");
}

int netns_helper_listen(struct netns_helper *helper, const struct netns *netns, bool silent)
{
	struct note note = {.want = silent ? A_SILENT_LISTENER : A_LISTENER};

	return ask(helper, netns, -1, &note, "listen");
}

__u64 netns_helper_watch(struct netns_helper *helper)
{
	struct pollfd hangup = {helper->fd, 0, 0};
	__u64 news;

	pthread_mutex_lock(&helper->lock);
	if (!helper->gone && poll(&hangup, 1, 0) > 0) {
		helper->gone = helper->told = true;
		helper->in_vain++;
		hc_error("the process " NETNS_HELPER_NAME
			 " has ended: no network namespace but ours can be entered (restart "
			 "run)");
	}
	news = helper->in_vain - helper->reported;
	helper->reported = helper->in_vain;
	pthread_mutex_unlock(&helper->lock);
	return news;
}

void netns_helper_end(struct netns_helper *helper)
{
	if (!helper)
		return;
	if (helper->fd >= 0)
		close(helper->fd);
	if (helper->pid > 0) {
		kill(helper->pid, SIGKILL); /* should somebody have stopped it */
		waitpid(helper->pid, NULL, 0);
	}
	pthread_mutex_destroy(&helper->lock);
	free(helper);
}
