// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/base/log.h"
#include "user/base/netns.h"
#include "user/base/privileges.h"
#include "user/daemon/netns_helper.h"

struct netns_helper {
	pid_t pid;
	int fd;
};

#define PATIENCE_S 2 /* for an answer: whoever stops the helper must not stop us */

/* Both ways, with a descriptor. */
struct note {
	int error; /* both are of the answer */
	unsigned int cookie;
};

static int send_note(int to, const struct note *note, int fd)
{
	char space[CMSG_SPACE(sizeof(fd))] = {};
	struct iovec part = {(void *)note, sizeof(*note)};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	struct cmsghdr *header;

	if (fd >= 0) {
		message.msg_control = space;
		message.msg_controllen = sizeof(space);
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	}
	return sendmsg(to, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* 0 and what came, `*fd` -1 if there was no descriptor; or a negative errno, if the other side
 * has gone -EPIPE. */
static int receive_note(int from, struct note *note, int *fd)
{
	char space[CMSG_SPACE(sizeof(*fd))] = {};
	struct iovec part = {note, sizeof(*note)};
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = space,
		.msg_controllen = sizeof(space),
	};
	struct cmsghdr *header;
	ssize_t got;

	*fd = -1;
	do {
		got = recvmsg(from, &message, MSG_CMSG_CLOEXEC);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	header = CMSG_FIRSTHDR(&message);
	if (header && header->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(header), sizeof(*fd));
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

/* The helper, to its end. */
static void serve_run(int way)
{
	int home, netns, fd;
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
	while (!receive_note(way, &note, &netns)) {
		fd = -1;
		note.cookie = 0;
		if (setns(netns, CLONE_NEWNET)) {
			note.error = -errno;
		} else {
			fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
			note.error = fd < 0 ? -errno : 0;
			note.cookie = netns_cookie(fd);
			if (setns(home, CLONE_NEWNET))
				_exit(1); /* it would keep a foreign namespace */
		}
		if (send_note(way, &note, fd))
			_exit(1);
		close(netns);
		if (fd >= 0)
			close(fd);
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

int netns_helper_ask(const struct netns_helper *helper, struct netns *netns)
{
	const char *kind = *netns->name ? "netns " : "our network namespace";
	struct note note = {};
	int fd = -1, error = send_note(helper->fd, &note, netns->fd);

	error = error ?: receive_note(helper->fd, &note, &fd);
	if (error == -EAGAIN)
		shutdown(helper->fd,
			 SHUT_RDWR); /* what it says later is no answer to what we ask */
	if (error)
		return hc_error_errno(error,
				      "%s%s: the process " NETNS_HELPER_NAME
				      ", which would enter it, does not answer (restart run)",
				      kind, netns->name);
	if (fd < 0)
		return hc_error_errno(note.error ?: -EBADMSG,
				      "%s%s: cannot close sessions there", kind, netns->name);
	netns->cookie = note.cookie;
	return fd;
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
	free(helper);
}
