// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "user/fleet/store_link.h"

#define READ_AT_ONCE 16384
#define READS        8 /* in one call: others wait */

static int fail(struct store_link *link, int error, const char *why)
{
	snprintf(link->why, sizeof(link->why), "%s", why);
	return error < 0 ? error : -error;
}

static int fail_errno(struct store_link *link, int error)
{
	return fail(link, error, strerror(error));
}

int store_link_init(struct store_link *link)
{
	*link = (struct store_link){.fd = -1};
	return store_reader_open(&link->reader);
}

void store_link_close(struct store_link *link)
{
	SSL_free(link->tls);
	link->tls = NULL;
	if (link->fd >= 0)
		close(link->fd);
	link->fd = -1;
	link->stage = STORE_LINK_CLOSED;
	/* There may be a password in it. */
	if (link->out)
		explicit_bzero(link->out, link->out_used);
	link->out_used = link->out_sent = 0;
	link->read_waits_to_write = link->write_waits_to_read = link->eager = false;
}

void store_link_free(struct store_link *link)
{
	store_link_close(link);
	store_reader_close(&link->reader);
	free(link->out);
	link->out = NULL;
}

static void find_socket(struct store_link *link)
{
	struct sockaddr_un *to = (struct sockaddr_un *)&link->to;

	to->sun_family = AF_UNIX;
	memcpy(to->sun_path, link->place.host,
	       strnlen(link->place.host, sizeof(to->sun_path) - 1));
	link->to_size = sizeof(*to);
}

static int begin(struct store_link *link)
{
	const int one = 1;

	if (store_reader_again(&link->reader))
		return fail_errno(link, ENOMEM);
	link->fd = socket(link->to.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (link->fd < 0)
		return fail_errno(link, errno);
	if (link->place.port)
		setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	link->stage = STORE_LINK_CONNECTS;
	/* A Unix socket whose backlog is full says EAGAIN, and is not connected. */
	if (connect(link->fd, (struct sockaddr *)&link->to, link->to_size) &&
	    errno != EINPROGRESS)
		return fail_errno(link, errno);
	if (!link->context)
		return 0;
	link->tls = store_tls_begin(link->context, link->fd, link->place.host);
	return link->tls ? 0 : fail_errno(link, ENOMEM);
}

/* Connects to what the name says, once it does. */
static int take_name(struct store_link *link)
{
	const char *why = "";
	int there = store_name_get(*link->name, link->number, &link->to, &link->to_size, &why);

	link->stage = STORE_LINK_NAMES;
	if (!there && link->fd < 0)
		link->fd = fcntl(store_name_fd(*link->name), F_DUPFD_CLOEXEC, 0);
	if (!there)
		return link->fd < 0 ? fail_errno(link, errno) : 0;
	if (link->addresses < there)
		link->addresses = there;
	store_name_drop(*link->name);
	*link->name = NULL;
	if (link->fd >= 0)
		close(link->fd);
	link->fd = -1;
	return there < 0 ? fail(link, EHOSTUNREACH, why) : begin(link);
}

static int find_host(struct store_link *link, unsigned int number, struct store_name **name)
{
	if (store_name_is_number(&link->place, &link->to, &link->to_size))
		return begin(link);
	if (!store_name_serves(*name, &link->place)) {
		store_name_drop(*name);
		if (store_name_ask(name, &link->place, link->names_most))
			return fail(link, EAGAIN, "too many names are asked for");
	}
	link->name = name;
	link->number = number;
	return take_name(link);
}

int store_link_open(struct store_link *link, const struct store_place *place, SSL_CTX *context,
		    unsigned int number, struct store_name **name)
{
	store_link_close(link);
	link->place = *place;
	link->context = context;
	link->to = (struct sockaddr_storage){};
	if (place->port)
		return find_host(link, number, name);
	find_socket(link);
	return begin(link);
}

int store_link_open_beside(struct store_link *link, const struct store_link *other)
{
	store_link_close(link);
	link->place = other->place;
	link->context = other->context;
	link->to = other->to;
	link->to_size = other->to_size;
	return begin(link);
}

int store_link_send(struct store_link *link, const struct fleet_word *words, size_t count)
{
	const char *texts[STORE_WORDS_MAX];
	size_t lengths[STORE_WORDS_MAX], need;
	char *command;
	long long size;

	for (size_t i = 0; i < count; i++) {
		texts[i] = words[i].text;
		lengths[i] = words[i].length;
	}
	size = redisFormatCommandArgv(&command, count, texts, lengths);
	if (size < 0)
		return fail_errno(link, ENOMEM);
	need = link->out_used + size;
	if (need > link->out_size) {
		char *more = realloc(link->out, need * 2);

		if (!more) {
			free(command);
			return fail_errno(link, ENOMEM);
		}
		link->out = more;
		link->out_size = need * 2;
	}
	memcpy(link->out + link->out_used, command, size);
	link->out_used = need;
	explicit_bzero(command, size);
	free(command);
	return 0;
}

short store_link_events(const struct store_link *link)
{
	bool writes = link->out_sent < link->out_used && !link->write_waits_to_read;

	switch (link->stage) {
	case STORE_LINK_CLOSED:
		return 0;
	case STORE_LINK_NAMES:
		return POLLIN;
	case STORE_LINK_CONNECTS:
		return POLLOUT;
	case STORE_LINK_SHAKES:
		return link->read_waits_to_write ? POLLOUT : POLLIN;
	default:
		return POLLIN | (writes || link->read_waits_to_write ? POLLOUT : 0);
	}
}

/* What became of a call of TLS: bytes, 0 if it has to wait, or an error. */
static ssize_t tls_result(struct store_link *link, int done, bool *waits_to_write,
			  bool *waits_to_read)
{
	int error = errno, what = SSL_get_error(link->tls, done);

	if (done > 0)
		return done;
	*waits_to_write = what == SSL_ERROR_WANT_WRITE;
	*waits_to_read = what == SSL_ERROR_WANT_READ;
	if (*waits_to_write || *waits_to_read)
		return 0;
	if (what == SSL_ERROR_ZERO_RETURN)
		return fail(link, ECONNRESET, "closed by the server");
	if (what == SSL_ERROR_SYSCALL && !ERR_peek_error())
		return error ? fail_errno(link, error)
			     : fail(link, ECONNRESET, "closed by the server");
	store_tls_why(link->tls, link->why, sizeof(link->why));
	return -EPROTO;
}

static ssize_t plain_result(struct store_link *link, ssize_t done, bool reads)
{
	if (done > 0)
		return done;
	if (!done && reads)
		return fail(link, ECONNRESET, "closed by the server");
	if (!done || errno == EAGAIN || errno == EINTR)
		return 0;
	return fail_errno(link, errno);
}

static ssize_t read_some(struct store_link *link, char *bytes, size_t size)
{
	bool other;

	if (!link->tls)
		return plain_result(link, recv(link->fd, bytes, size, 0), true);
	link->read_waits_to_write = false;
	ERR_clear_error();
	errno = 0;
	return tls_result(link, SSL_read(link->tls, bytes, size), &link->read_waits_to_write,
			  &other);
}

static ssize_t write_some(struct store_link *link, const char *bytes, size_t size)
{
	bool other;

	if (!link->tls)
		return plain_result(link, send(link->fd, bytes, size, MSG_NOSIGNAL), false);
	link->write_waits_to_read = false;
	ERR_clear_error();
	errno = 0;
	return tls_result(link, SSL_write(link->tls, bytes, size), &other,
			  &link->write_waits_to_read);
}

static int finish_connecting(struct store_link *link)
{
	struct pollfd poller = {.fd = link->fd, .events = POLLOUT};
	socklen_t size = sizeof(int);
	int error = 0;

	if (poll(&poller, 1, 0) < 1)
		return 0;
	if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &size) || error)
		return fail_errno(link, error ?: errno);
	link->stage = link->tls ? STORE_LINK_SHAKES : STORE_LINK_OPEN;
	return 0;
}

static int shake(struct store_link *link)
{
	bool other;
	ssize_t done;

	link->read_waits_to_write = false;
	ERR_clear_error();
	errno = 0;
	done = tls_result(link, SSL_do_handshake(link->tls), &link->read_waits_to_write,
			  &other);
	if (done > 0)
		link->stage = STORE_LINK_OPEN;
	return done < 0 ? done : 0;
}

static int write_all(struct store_link *link)
{
	ssize_t done = 1;

	while (link->out_sent < link->out_used && done > 0) {
		done = write_some(link, link->out + link->out_sent,
				  link->out_used - link->out_sent);
		if (done > 0)
			link->out_sent += done;
	}
	if (link->out_sent == link->out_used)
		link->out_sent = link->out_used = 0;
	return done < 0 ? done : 0;
}

static int read_all(struct store_link *link)
{
	char bytes[READ_AT_ONCE];
	ssize_t done = 1;

	for (int i = 0; i < READS && done > 0; i++) {
		done = read_some(link, bytes, sizeof(bytes));
		if (done > 0 && store_reader_feed(&link->reader, bytes, done))
			return fail_errno(link, ENOMEM);
	}
	link->eager = done > 0;
	return done < 0 ? done : 0;
}

int store_link_flush(struct store_link *link)
{
	return link->stage == STORE_LINK_OPEN ? write_all(link) : 0;
}

int store_link_work(struct store_link *link)
{
	int error = 0;

	if (link->stage == STORE_LINK_NAMES)
		error = take_name(link);
	if (!error && link->stage == STORE_LINK_CONNECTS)
		error = finish_connecting(link);
	if (!error && link->stage == STORE_LINK_SHAKES)
		error = shake(link);
	if (error || link->stage != STORE_LINK_OPEN)
		return error;
	error = write_all(link);
	/* What the server said before it closed tells more. */
	return read_all(link) ?: error;
}

int store_link_next(struct store_link *link, const struct store_reply **reply)
{
	int there = store_reader_next(&link->reader, reply);

	return there < 0 ? fail(link, EPROTO, "what it says is no reply, or too large") : there;
}
