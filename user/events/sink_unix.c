// SPDX-License-Identifier: GPL-2.0-only
/* A socket: who may connect, by its mode, gets the lines. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/base/privileges.h"
#include "user/base/unix_socket.h"
#include "user/events/sink.h"
#include "user/events/subscribers.h"

#define SEND_ROOM (1 << 20)     /* bytes in the kernel: more than comes in a nap */
#define MUTE_NS   NS_PER_SECOND /* after a failed accept(), which would fail again at once */
#define TELL_NS   (60 * NS_PER_SECOND) /* between two notices that there is no room */

struct unix_sink {
	struct sink sink;
	int fd;
	bool made_folder;
	dev_t device; /* the socket's file, to remove no other */
	ino_t inode;
	mode_t mode, next_mode; /* next: of a reload that is under way, if `changed` */
	gid_t group, next_group;
	bool changed;
	__u64 mute_ns;
};

struct subscriber {
	struct line_reader reader;
	struct unix_sink *owner;
	struct subscriber_user *user;
};

static ssize_t write_subscriber(struct line_reader *reader, const char *text, size_t length)
{
	ssize_t got = send(reader->fd, text, length, MSG_DONTWAIT | MSG_NOSIGNAL);

	return got > 0 ? got : got < 0 && errno != EINTR ? -errno : -EAGAIN;
}

static void drop_subscriber(struct line_reader *reader, int error)
{
	struct subscriber *subscriber = (struct subscriber *)reader;
	struct sinks *sinks = subscriber->owner->sink.sinks;

	(void)error;
	sinks->subscribers--;
	subscribers_leave(&sinks->users, subscriber->user);
	line_log_leave(reader);
	close(reader->fd);
	free(reader);
}

static int listens(const struct sink *sink)
{
	const struct unix_sink *server = (const struct unix_sink *)sink;

	return server->mute_ns && clock_monotonic_ns() < server->mute_ns ? -1 : server->fd;
}

/* There is no room: it gets one line, and is closed. */
static void turn_away(struct sinks *sinks, int fd, bool within_line)
{
	static const char line[] =
		"{\"event.kind\":\"event\",\"event.dataset\":"
		"\"headcount.session\",\"event.action\":\"" SUBSCRIBERS_FULL "\"}\n";
	__u64 now = clock_monotonic_ns();

	if (!within_line)
		(void)!send(fd, line, strlen(line), MSG_DONTWAIT | MSG_NOSIGNAL);
	sinks->log.losses[HC_LOSS_SUBSCRIBERS_FULL]++;
	sinks->turned_away++;
	if (sinks->full_told_ns && now < sinks->full_told_ns + TELL_NS)
		return;
	hc_notice("subscribers turned away: %llu (events_max = %u are connected)",
		  sinks->turned_away, sinks->subscribers_max);
	sinks->full_told_ns = now;
	sinks->turned_away = 0;
}

/* Takes a place from whoever has to give one; the newest of his. */
static bool yield_place(struct sinks *sinks, uid_t newcomer)
{
	struct subscriber_user *user = subscribers_yielding(sinks->users, newcomer);
	struct line_reader *reader = user ? sinks->log.readers : NULL;

	while (reader &&
	       (reader->fail != drop_subscriber || ((struct subscriber *)reader)->user != user))
		reader = reader->next;
	if (!reader)
		return false;
	turn_away(sinks, reader->fd, line_lags(reader));
	drop_subscriber(reader, 0);
	return true;
}

static uid_t peer_of(int fd)
{
	struct ucred peer = {.uid = -1};
	socklen_t size = sizeof(peer);

	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size);
	return peer.uid;
}

static bool subscribe(struct unix_sink *server, int fd, uid_t uid)
{
	struct subscriber *subscriber = calloc(1, sizeof(*subscriber));
	struct sinks *sinks = server->sink.sinks;

	if (!subscriber)
		return false;
	subscriber->user = subscribers_take(&sinks->users, uid);
	if (!subscriber->user) {
		free(subscriber);
		return false;
	}
	sinks->subscribers++;
	subscriber->owner = server;
	subscriber->reader.write = write_subscriber;
	subscriber->reader.fail = drop_subscriber;
	subscriber->reader.reason = HC_LOSS_SUBSCRIBER_SLOW;
	subscriber->reader.fd = fd;
	line_log_join(&sinks->log, &subscriber->reader);
	return true;
}

static bool arrived(struct sink *sink)
{
	struct unix_sink *server = (struct unix_sink *)sink;
	int fd = accept4(server->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct sinks *sinks = sink->sinks;
	int room = SEND_ROOM;
	uid_t uid = fd >= 0 ? peer_of(fd) : 0;

	if (fd >= 0 && sinks->subscribers >= sinks->subscribers_max &&
	    !yield_place(sinks, uid)) {
		turn_away(sinks, fd, false);
		close(fd);
		return true;
	}
	if (fd < 0 || !subscribe(server, fd, uid)) {
		if (fd >= 0)
			close(fd);
		else if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
			return false;
		if (!server->mute_ns)
			hc_error_errno(errno, "cannot accept subscribers on %s (retrying)",
				       sink->spec.path);
		server->mute_ns = clock_monotonic_ns() + MUTE_NS;
		return false;
	}
	server->mute_ns = 0;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)))
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	return true;
}

static bool fill_address(struct sockaddr_un *address, const char *path)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	strncpy(address->sun_path, path, sizeof(address->sun_path) - 1);
	return strlen(path) < sizeof(address->sun_path);
}

/* Makes the place free: a socket that nobody listens on is what a killed run left. */
static int clear_path(const char *path, const struct sockaddr_un *address)
{
	struct stat file;

	if (lstat(path, &file))
		return errno == ENOENT ? 0 : hc_error_errno(errno, "cannot look at %s", path);
	if (!S_ISSOCK(file.st_mode))
		return hc_error("%s exists and is not a socket", path);
	if (!unix_socket_is_left_over(address))
		return hc_error("another process already listens on %s", path);
	return unlink(path) ? hc_error_errno(errno, "cannot remove the old %s", path) : 0;
}

/* The folder of the socket, if there is none. */
static int make_folder(struct unix_sink *server, const char *path)
{
	const char *end = strrchr(path, '/');
	char folder[sizeof(((struct sockaddr_un *)0)->sun_path)];

	if (end == path)
		return 0;
	memcpy(folder, path, end - path);
	folder[end - path] = '\0';
	if (mkdir(folder, 0755))
		return errno == EEXIST
			       ? 0
			       : hc_error_errno(errno, "cannot make the folder %s", folder);
	server->made_folder = true;
	/* Who may connect is the socket's mode, not our umask. */
	return chmod(folder, 0755) ? hc_error_errno(errno, "cannot make the folder %s", folder)
				   : 0;
}

static void remove_socket_folder(const char *path)
{
	char folder[sizeof(((struct sockaddr_un *)0)->sun_path)];
	const char *end = strrchr(path, '/');

	memcpy(folder, path, end - path);
	folder[end - path] = '\0';
	rmdir(folder); /* others may have put something there, and keep it */
}

static int set_access(const char *path, mode_t mode, gid_t group)
{
	/* The group first: no other one is ever let in. */
	group = group == (gid_t)-1 ? getegid() : group;
	if (chown(path, -1, group))
		return hc_error_errno(errno, "cannot give %s to group %u%s", path, group,
				      privileges_hint(errno));
	if (chmod(path, mode))
		return hc_error_errno(errno, "cannot set the mode of %s", path);
	return 0;
}

/* Nobody can connect before listen(), and then mode and group are set. */
static int bind_and_listen(struct unix_sink *server, const char *path,
			   const struct sink_list *list, const struct sockaddr_un *address)
{
	struct stat file;
	mode_t mask = umask(0777);
	int error = bind(server->fd, (const struct sockaddr *)address, sizeof(*address)) ? errno
											 : 0;

	umask(mask);
	if (error)
		return hc_error_errno(error, "cannot make the socket %s%s", path,
				      privileges_hint(error));
	if (lstat(path, &file))
		return hc_error_errno(errno, "cannot look at %s", path);
	server->device = file.st_dev;
	server->inode = file.st_ino;
	server->mode = list->mode;
	server->group = list->group;
	error = set_access(path, list->mode, list->group);
	if (!error && listen(server->fd, SOMAXCONN))
		error = hc_error_errno(errno, "cannot listen on %s", path);
	if (!error)
		hc_step("opened the socket %s for events", path);
	return error;
}

static void close_server(struct unix_sink *server, const char *path)
{
	struct stat file;

	if (server->fd >= 0)
		close(server->fd);
	if (server->inode && !lstat(path, &file) && file.st_dev == server->device &&
	    file.st_ino == server->inode)
		unlink(path);
	if (server->made_folder)
		remove_socket_folder(path);
	free(server);
}

static struct sink *open_unix(struct sinks *sinks, const struct sink_spec *spec,
			      const struct sink_list *list)
{
	struct unix_sink *server = calloc(1, sizeof(*server));
	struct sockaddr_un address;
	int error;

	(void)sinks;
	if (!server || !fill_address(&address, spec->path)) {
		hc_error_errno(ENOMEM, "cannot make the socket %s", spec->path);
		free(server);
		return NULL;
	}
	server->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	error = server->fd < 0 ? hc_error_errno(errno, "cannot make a socket") : 0;
	error = error ?: make_folder(server, spec->path);
	error = error ?: clear_path(spec->path, &address);
	error = error ?: bind_and_listen(server, spec->path, list, &address);
	if (!error)
		return &server->sink;
	close_server(server, spec->path);
	return NULL;
}

/* Who may connect, of a reload that may still fail. */
static int prepare_unix(struct sink *sink, const struct sink_list *list)
{
	struct unix_sink *server = (struct unix_sink *)sink;
	int error = set_access(sink->spec.path, list->mode, list->group);

	if (error) {
		set_access(sink->spec.path, server->mode, server->group);
		return error;
	}
	server->changed = true;
	server->next_mode = list->mode;
	server->next_group = list->group;
	return 0;
}

static void abandon_unix(struct sink *sink)
{
	struct unix_sink *server = (struct unix_sink *)sink;

	set_access(sink->spec.path, server->mode, server->group);
	server->changed = false;
}

static void commit_unix(struct sink *sink, bool alone)
{
	struct unix_sink *server = (struct unix_sink *)sink;

	(void)alone;
	if (!server->changed)
		return;
	server->changed = false;
	server->mode = server->next_mode;
	server->group = server->next_group;
}

static void free_unix(struct sink *sink)
{
	struct unix_sink *server = (struct unix_sink *)sink;
	struct line_reader *reader, *next;

	for (reader = sink->sinks->log.readers; reader; reader = next) {
		next = reader->next;
		if (reader->fail != drop_subscriber ||
		    ((struct subscriber *)reader)->owner != server)
			continue;
		line_flush(reader);
		drop_subscriber(reader, 0);
	}
	close_server(server, sink->spec.path);
}

const struct sink_kind_row sink_unix = {
	.open = open_unix,
	.prepare = prepare_unix,
	.commit = commit_unix,
	.abandon = abandon_unix,
	.listens = listens,
	.arrived = arrived,
	.free = free_unix,
};
