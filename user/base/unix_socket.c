// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/unix_socket.h"

bool unix_socket_is_left_over(const struct sockaddr_un *address)
{
	struct stat file;
	bool refused;
	int fd;

	if (lstat(address->sun_path, &file) || !S_ISSOCK(file.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	refused = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) &&
		  errno == ECONNREFUSED;
	if (fd >= 0)
		close(fd);
	return refused;
}

int unix_send(int to, const void *record, size_t size, const int fds[UNIX_FDS])
{
	size_t passed = (fds[0] >= 0) * sizeof(int) + (fds[1] >= 0) * sizeof(int);
	char space[CMSG_SPACE(UNIX_FDS * sizeof(int))] = {};
	struct iovec part = {(void *)record, size};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	struct cmsghdr *header;
	ssize_t sent;

	if (passed) {
		message.msg_control = space;
		message.msg_controllen = CMSG_SPACE(passed);
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(passed);
		memcpy(CMSG_DATA(header), fds, passed);
	}
	/* With a time limit on the socket no signal handler has it begin again. */
	do {
		sent = sendmsg(to, &message, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

int unix_receive(int from, void *record, size_t size, int fds[UNIX_FDS])
{
	char space[CMSG_SPACE(UNIX_FDS * sizeof(int))] = {};
	struct iovec part = {record, size};
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
	return got == (ssize_t)size ? 0 : -EPIPE;
}
