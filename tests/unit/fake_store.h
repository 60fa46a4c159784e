/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Servers in the test's own process, on loopback: they answer as a store would, or as the test
 * says. The store's time is the test's `now`.
 */
#ifndef HEADCOUNT_TEST_FAKE_STORE_H
#define HEADCOUNT_TEST_FAKE_STORE_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "fleet_host.h"
#include "user/fleet/store.h"
#include "user/fleet/store_reply.h"

#define SERVERS 3
#define PEERS   4
#define SHA     "0123456789012345678901234567890123456789"
#define SHA2    "abcdefabcdefabcdefabcdefabcdefabcdefabcd"
#define MASTER                                                                                 \
	"*3\r\n$6\r\nmaster\r\n:7\r\n*1\r\n*3\r\n$9\r\n127.0.0.1\r\n$1\r\n1\r\n$1\r\n7\r\n"
#define LONELY  "*3\r\n$6\r\nmaster\r\n:7\r\n*0\r\n"
#define REPLICA "*5\r\n$5\r\nslave\r\n$1\r\nx\r\n:1\r\n$9\r\nconnected\r\n:7\r\n"

enum command {
	AUTH,
	ROLE,
	LOAD,
	EXCHANGE,
	WAIT,
	CONFIRM,
	SUBSCRIBE,
	PING,
	PRIMARY,
	REPLICAS,
	COMMANDS,
};

struct peer {
	int fd;
	struct store_reader reader;
};

struct server {
	int listener;
	__u16 port;
	struct peer peers[PEERS];
	const char *says[COMMANDS];    /* instead of what is right; "": nothing */
	char asked[COMMANDS + 1][512]; /* the last of each, its first three words */
	unsigned int heard[COMMANDS + 1], accepted;
	unsigned int loads;
	bool mute; /* reads nothing, as a process that is stopped */
};

static struct server servers[SERVERS];
static struct store *store;
static struct store_settings how;
static __u64 until;       /* as store_poll() has said */
static bool cut;          /* each byte comes alone */
static bool busy;         /* a server has got something */
static char channel[256]; /* the last SUBSCRIBE's */

static void turn(void);

static void server_begin(struct server *server)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);

	*server = (struct server){.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)};
	for (int i = 0; i < PEERS; i++)
		server->peers[i].fd = -1;
	assert_int_equal(bind(server->listener, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(server->listener, 8), 0);
	getsockname(server->listener, (struct sockaddr *)&address, &size);
	server->port = ntohs(address.sin_port);
}

static void peer_end(struct peer *peer)
{
	if (peer->fd < 0)
		return;
	close(peer->fd);
	store_reader_close(&peer->reader);
	peer->fd = -1;
}

static void server_hang_up(struct server *server)
{
	for (int i = 0; i < PEERS; i++)
		peer_end(&server->peers[i]);
}

static void say_bytes(struct peer *peer, const char *bytes, size_t size)
{
	for (size_t sent = 0; sent < size && peer->fd >= 0;) {
		ssize_t done =
			send(peer->fd, bytes + sent, cut ? 1 : size - sent, MSG_NOSIGNAL);

		if (done < 0 && errno != EAGAIN)
			return;
		sent += done > 0 ? done : 0;
		if (cut || done < 0)
			turn();
	}
}

static void say(struct peer *peer, const char *text)
{
	say_bytes(peer, text, strlen(text));
}

static char *put_text(char *to, const char *text)
{
	return to + sprintf(to, "$%zu\r\n%s\r\n", strlen(text), text);
}

static const char *text_of(const struct store_reply *command, size_t number)
{
	static char text[8][1024];
	static int next;
	char *to = text[next++ % 8];

	if (number + 1 >= command->count)
		return "";
	snprintf(to, sizeof(text[0]), "%.*s", (int)command->parts[number + 1].word.length,
		 command->parts[number + 1].word.text);
	return to;
}

/* As exchange.lua: joined, or ok and all that is needed. */
static void say_exchange(struct peer *peer, const struct store_reply *command)
{
	bool knows = !strcmp(text_of(command, 8), EPOCH);
	static char answer[65536];
	char given[4096] = "", *to = answer;
	unsigned int need;

	for (size_t i = 13 + 2 * atoi(text_of(command, 12)); i + 1 < command->count; i += 2) {
		assert_int_equal(sscanf(text_of(command, i + 1), "%*u %*u %u", &need), 1);
		sprintf(given + strlen(given), "%s%u", *given ? " " : "", need);
	}
	to += sprintf(to, "*7\r\n");
	to = put_text(to, knows ? "ok" : "joined");
	to = put_text(to, text_of(command, 7));
	to = put_text(to, EPOCH);
	to = put_text(to, "3");
	to = put_text(to, "1");
	to = put_text(to, given);
	put_text(to, "");
	say(peer, answer);
}

static enum command command_of(const struct store_reply *command)
{
	const char *word = text_of(command, 0), *second = text_of(command, 1);

	if (!strcmp(word, "EVALSHA"))
		return !strcmp(second, SHA) ? EXCHANGE : CONFIRM;
	if (!strcmp(word, "SENTINEL"))
		return !strcmp(second, "REPLICAS") ? REPLICAS : PRIMARY;
	if (!strcmp(word, "SCRIPT"))
		return LOAD;
	static const char *const words[] = {[AUTH] = "AUTH",
					    [ROLE] = "ROLE",
					    [WAIT] = "WAIT",
					    [SUBSCRIBE] = "SUBSCRIBE",
					    [PING] = "PING"};
	for (int i = 0; i <= PING; i++) {
		if (words[i] && !strcmp(words[i], word))
			return i;
	}
	fail_msg("%s: an unknown command", word);
	return COMMANDS;
}

static void say_right(struct server *server, struct peer *peer, enum command command,
		      const struct store_reply *words)
{
	char text[512];

	switch (command) {
	case AUTH:
		say(peer, "+OK\r\n");
		break;
	case ROLE:
		say(peer, MASTER);
		break;
	case LOAD:
		say(peer, server->loads++ % 2 ? "$40\r\n" SHA2 "\r\n" : "$40\r\n" SHA "\r\n");
		break;
	case EXCHANGE:
		say_exchange(peer, words);
		break;
	case WAIT:
		say(peer, ":1\r\n");
		break;
	case CONFIRM:
		say(peer, "$6\r\nab.2.0\r\n");
		break;
	case SUBSCRIBE:
		sprintf(put_text(text + sprintf(text, "*3\r\n$9\r\nsubscribe\r\n"), channel),
			":1\r\n");
		say(peer, text);
		break;
	case PING:
		say(peer, "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
		break;
	case REPLICAS:
		say(peer, "*1\r\n*2\r\n$4\r\nname\r\n$1\r\na\r\n");
		break;
	default:
		fail_msg("what is said must be said");
	}
}

static void obey(struct server *server, struct peer *peer, const struct store_reply *words)
{
	enum command command = command_of(words);

	server->heard[command]++;
	if (command == SUBSCRIBE)
		strcpy(channel, text_of(words, 1));
	snprintf(server->asked[command], sizeof(server->asked[0]), "%.99s %.99s %.99s",
		 text_of(words, 0), text_of(words, 1), text_of(words, 2));
	if (server->says[command])
		say(peer, server->says[command]);
	else
		say_right(server, peer, command, words);
}

static void serve_peer(struct server *server, struct peer *peer)
{
	const struct store_reply *words;
	char bytes[65536];
	ssize_t size = recv(peer->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (size < 0 && errno == EAGAIN)
		return;
	busy = true;
	if (size <= 0) {
		peer_end(peer);
		return;
	}
	store_reader_feed(&peer->reader, bytes, size);
	while (peer->fd >= 0 && store_reader_next(&peer->reader, &words) == 1)
		obey(server, peer, words);
}

static void serve(struct server *server)
{
	int fd = server->mute ? -1 : accept4(server->listener, NULL, NULL, SOCK_NONBLOCK);
	const int one = 1;

	for (int i = 0; i < PEERS && !server->mute; i++) {
		struct peer *peer = &server->peers[i];

		if (peer->fd < 0 && fd >= 0) {
			peer->fd = fd;
			fd = -1;
			server->accepted++;
			busy = true;
			/* The test's time passes faster than a delayed acknowledgement. */
			setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
			assert_int_equal(store_reader_open(&peer->reader), 0);
		}
		if (peer->fd >= 0)
			serve_peer(server, peer);
	}
	assert_int_equal(fd, server->mute ? fd : -1);
}

/* One time round the store's loop. */
static void turn(void)
{
	struct pollfd polls[STORE_POLLS];
	size_t count = store_poll(store, polls, now, &until);

	assert_in_range(count, 0, STORE_POLLS);
	assert_in_range(until, now, now + 100 * NS_PER_MS);
	poll(polls, count, 0);
	store_handle(store, polls, count, now);
}

/* Until there is nothing more to be done at this instant. */
static void settle(void)
{
	for (int idle = 0; idle < 4; idle++) {
		turn();
		busy = false;
		for (int i = 0; i < SERVERS; i++)
			serve(&servers[i]);
		if (busy)
			idle = 0;
	}
}

static void pass(__u64 ms)
{
	for (; ms; ms = ms > 50 ? ms - 50 : 0) {
		now += (ms < 50 ? ms : 50) * NS_PER_MS;
		settle();
	}
}

static struct store_state state_now(void)
{
	struct store_state state;

	store_state(store, &state);
	return state;
}

/* A host and its store, whose address has the servers' ports for %u. */
static void store_begin(const char *format)
{
	struct store_address address;
	char text[256], why[256];

	host_begin(0);
	snprintf(text, sizeof(text), format, servers[0].port, servers[1].port, servers[2].port);
	if (store_address_parse(&address, text, why, sizeof(why)))
		fail_msg("%s", why);
	assert_int_equal(store_new(&store, &address, &how, &host), 0);
}

static int fake_begin(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	cut = false;
	how = (struct store_settings){};
	for (int i = 0; i < SERVERS; i++)
		server_begin(&servers[i]);
	return 0;
}

static int fake_end(void **state)
{
	(void)state;
	store_free(store);
	store = NULL;
	fleet_host_free(&host);
	for (int i = 0; i < SERVERS; i++) {
		server_hang_up(&servers[i]);
		close(servers[i].listener);
	}
	return 0;
}

#endif
