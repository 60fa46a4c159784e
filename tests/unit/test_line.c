// SPDX-License-Identifier: GPL-2.0-only
/* Who asks a fleet finds a store whose name has several addresses, not all of which answer. */
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "user/base/clock.h"
#include "user/fleet/line.h"

#define ADDRESSES 3
#define SHA       "$40\r\n0123456789012345678901234567890123456789\r\n"

static int listener;
static in_port_t port;
static const char *const addresses[ADDRESSES] = {"127.0.0.3", "127.0.0.2", "127.0.0.1"};

/* In the place of the C library's: names alone have addresses, in this order. */
int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
		struct addrinfo **found)
{
	static struct sockaddr_in to[ADDRESSES];
	static struct addrinfo all[ADDRESSES];

	(void)host;
	(void)service;
	if (hints->ai_flags & AI_NUMERICHOST)
		return EAI_NONAME;
	for (int i = 0; i < ADDRESSES; i++) {
		to[i] = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = port};
		inet_pton(AF_INET, addresses[i], &to[i].sin_addr);
		all[i] = (struct addrinfo){
			.ai_addr = (struct sockaddr *)&to[i],
			.ai_addrlen = sizeof(to[i]),
			.ai_next = i + 1 < ADDRESSES ? &all[i + 1] : NULL,
		};
	}
	*found = all;
	return 0;
}

void freeaddrinfo(struct addrinfo *found)
{
	(void)found;
}

/* A primary, as far as it is asked. */
static void *serve(void *context)
{
	static const char says[] = "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n" SHA SHA;
	char bytes[1000];
	int fd = accept(listener, NULL, NULL);

	if (recv(fd, bytes, sizeof(bytes), 0) > 0)
		send(fd, says, sizeof(says) - 1, MSG_NOSIGNAL);
	while (recv(fd, bytes, sizeof(bytes), 0) > 0)
		;
	close(fd);
	return context;
}

static void begin(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t size = sizeof(at);

	inet_pton(AF_INET, addresses[ADDRESSES - 1], &at.sin_addr);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&at, size), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &size), 0);
	port = at.sin_port;
}

static int opens(struct line **line)
{
	struct store_address store = {.count = 1,
				      .places = {{.host = "store.example", .port = 6379}}};
	struct config_fleet fleet = {.stores = &store, .store_count = 1};
	struct line_names names = {};
	char why[LINE_WHY];
	int error = line_open(line, &fleet, clock_ns(CLOCK_BOOTTIME) + 20 * NS_PER_SECOND,
			      &names, NULL, why);

	line_names_drop(&names);
	return error;
}

static void each_address(void **state)
{
	struct line *line;
	pthread_t server;

	(void)state;
	begin();
	assert_int_equal(opens(&line), -EHOSTUNREACH); /* nobody listens */
	assert_null(line);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(pthread_create(&server, NULL, serve, NULL), 0);
	assert_int_equal(opens(&line), 0);
	line_close(line);
	pthread_join(server, NULL);
	close(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
