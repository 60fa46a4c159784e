// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>

#include "user/answer/connection.h"
#include "user/answer/talk.h"

/* What is read at most, the unneeded with it: a close before that sends an RST, which may
 * overtake the answer. Who says more has until the end of its time to take the answer. */
#define READ_MAX 65536

/* False: the connection is broken. */
static bool give(struct connection *connection)
{
	struct talk_piece piece;
	ssize_t sent;

	while ((piece = talk_next(&connection->talk)).size) {
		sent = send(connection->fd, piece.bytes, piece.size, MSG_NOSIGNAL);
		if (sent < 0)
			return errno == EAGAIN;
		talk_sent(&connection->talk, sent);
	}
	if (talk_is_over(&connection->talk) && !connection->leaving) {
		connection->leaving = true;
		shutdown(connection->fd, SHUT_WR);
	}
	return true;
}

/* The same; `more`: there may be more to read. */
static bool take(struct connection *connection, bool *more)
{
	char bytes[4096];
	ssize_t got;

	*more = false;
	if (connection->ended || connection->read >= READ_MAX)
		return true;
	got = recv(connection->fd, bytes, sizeof(bytes), 0);
	if (got < 0)
		return errno == EAGAIN;
	connection->read += got;
	connection->ended = !got;
	if (got)
		talk_hear(&connection->talk, bytes, got);
	else
		talk_end(&connection->talk);
	*more = true;
	return true;
}

bool connection_go_on(struct connection *connection)
{
	bool works, more = true;

	do
		works = give(connection) && take(connection, &more);
	while (works && more);
	return works && !(connection->leaving && connection->ended);
}
