// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "user/base/log.h"
#include "user/base/netns.h"
#include "user/base/privileges.h"
#include "user/daemon/netns_helper.h"

struct netns_helper {
	pid_t pid;
	int fd;
	pthread_mutex_t lock; /* of the dialogue: a question, and its answer */
};

#define PATIENCE_S 2 /* for an answer: whoever stops the helper must not stop us */

/* Both ways, with descriptors: a namespace and perhaps an iterator's link, or what was opened
 * there. */
struct note {
	int error; /* both are of the answer */
	unsigned int cookie;
};
#define FDS 2

/* The descriptors that are there come first. */
static int send_note(int to, const struct note *note, const int fds[FDS])
{
	size_t size = (fds[0] >= 0) * sizeof(int) + (fds[1] >= 0) * sizeof(int);
	char space[CMSG_SPACE(FDS * sizeof(int))] = {};
	struct iovec part = {(void *)note, sizeof(*note)};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	struct cmsghdr *header;

	if (size) {
		message.msg_control = space;
		message.msg_controllen = CMSG_SPACE(size);
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(size);
		memcpy(CMSG_DATA(header), fds, size);
	}
	return sendmsg(to, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* 0 and what came, -1 for a descriptor that did not; or a negative errno, if the other side
 * has gone -EPIPE. */
static int receive_note(int from, struct note *note, int fds[FDS])
{
	char space[CMSG_SPACE(FDS * sizeof(int))] = {};
	struct iovec part = {note, sizeof(*note)};
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = space,
		.msg_controllen = sizeof(space),
	};
	struct cmsghdr *header;
	ssize_t got;

	fds[0] = fds[1] = -1;
	do {
		got = recvmsg(from, &message, MSG_CMSG_CLOEXEC);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	header = CMSG_FIRSTHDR(&message);
	if (header && header->cmsg_type == SCM_RIGHTS)
		memcpy(fds, CMSG_DATA(header), header->cmsg_len - CMSG_LEN(0));
	return got == sizeof(*note) ? 0 : -EPIPE;
}

/* Nothing that we open or hold keeps anything of `run` alive: its locks, links, pipes. */
static int let_go(int way)
{
	int null = open("/dev/null", O_RDWR);

	if (null < 0)
		return -errno;
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
	if (way > STDERR_FILENO + 1)
		close_range(STDERR_FILENO + 1, way - 1, 0);
	return close_range(way + 1, ~0u, 0) ? -errno : 0;
}

/* In the namespace `fds[0]`: reads its sockets by the iterator's link `fds[1]`, or makes a
 * socket for sock_diag. A descriptor, or a negative errno. */
static int open_there(const int fds[FDS], struct note *note)
{
	int fd;

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
	int home, fds[FDS], answer[FDS];
	struct note note;

	signal(SIGINT, SIG_IGN); /* it ends when `run` has */
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGALRM, SIG_IGN);
	prctl(PR_SET_NAME, NETNS_HELPER_NAME);
	way = fcntl(way, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (let_go(way) || privileges_drop_to_enter())
		_exit(1);
	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	while (!receive_note(way, &note, fds)) {
		note.cookie = 0;
		answer[1] = -1;
		if (setns(fds[0], CLONE_NEWNET)) {
			answer[0] = -errno;
		} else {
			answer[0] = open_there(fds, &note);
			if (setns(home, CLONE_NEWNET))
				_exit(1); /* it would keep a foreign namespace */
		}
		note.error = answer[0] < 0 ? answer[0] : 0;
		if (send_note(way, &note, answer))
			_exit(1);
		for (int i = 0; i < FDS; i++)
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

static int exchange(struct netns_helper *helper, struct note *note, int fds[FDS])
{
	int error;

	pthread_mutex_lock(&helper->lock);
	error = send_note(helper->fd, note, fds);
	error = error ?: receive_note(helper->fd, note, fds);
	if (error == -EAGAIN)
		shutdown(helper->fd,
			 SHUT_RDWR); /* what it says later is no answer to what we ask */
	pthread_mutex_unlock(&helper->lock);
	return error;
}

/* What the helper opens in `netns`, or a negative errno after the printed error: `cannot`. */
static int ask(struct netns_helper *helper, const struct netns *netns, int link,
	       struct note *note, const char *cannot)
{
	const char *kind = *netns->name ? "netns " : "our network namespace";
	int fds[FDS] = {netns->fd, link}, error = exchange(helper, note, fds);

	if (error)
		return hc_error_errno(error,
				      "%s%s: the process " NETNS_HELPER_NAME
				      ", which would enter it, does not answer (restart run)",
				      kind, netns->name);
	if (fds[0] < 0)
		return hc_error_errno(note->error ?: -EBADMSG, "%s%s: cannot %s sessions there",
				      kind, netns->name, cannot);
	return fds[0];
}

int netns_helper_ask(struct netns_helper *helper, struct netns *netns)
{
	struct note note = {};
	int fd = ask(helper, netns, -1, &note, "close");

	if (fd >= 0)
		netns->cookie = note.cookie;
	return fd;
}

int netns_helper_iterate(struct netns_helper *helper, const struct netns *netns, int link)
{
	struct note note = {};

	return ask(helper, netns, link, &note, "read");
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
