// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "user/base/clock.h"
#include "user/base/thread.h"
#include "user/fleet/store_name.h"

#define STAYS_NS (60 * NS_PER_SECOND) /* an answer that nobody has taken */

/* Of who asks and of the thread: the last one frees it. What the thread writes is read only
 * once `done` is set. */
struct store_name {
	struct store_place place;
	int fd;
	atomic_int users;
	atomic_bool done;
	int error;      /* of getaddrinfo() */
	__u64 answered; /* CLOCK_BOOTTIME */
	struct addrinfo *found;
};

static atomic_int threads;

static int look_up(const struct store_place *place, int flags, struct addrinfo **found)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				       .ai_flags = AI_NUMERICSERV | flags};
	char port[8];

	snprintf(port, sizeof(port), "%u", place->port);
	*found = NULL;
	return getaddrinfo(place->host, port, &hints, found);
}

static void take(const struct addrinfo *from, struct sockaddr_storage *to, socklen_t *to_size)
{
	memcpy(to, from->ai_addr, from->ai_addrlen);
	*to_size = from->ai_addrlen;
}

bool store_name_is_number(const struct store_place *place, struct sockaddr_storage *to,
			  socklen_t *to_size)
{
	struct addrinfo *found;

	if (look_up(place, AI_NUMERICHOST, &found))
		return false;
	take(found, to, to_size);
	freeaddrinfo(found);
	return true;
}

static void leave(struct store_name *name)
{
	if (atomic_fetch_sub(&name->users, 1) > 1)
		return;
	if (name->found)
		freeaddrinfo(name->found);
	close(name->fd);
	free(name);
}

static void *work(void *context)
{
	struct store_name *name = context;

	name->error = look_up(&name->place, 0, &name->found);
	name->answered = clock_ns(CLOCK_BOOTTIME);
	atomic_store(&name->done, true);
	eventfd_write(name->fd, 1);
	leave(name);
	atomic_fetch_sub(&threads, 1);
	return NULL;
}

int store_name_ask(struct store_name **result, const struct store_place *place, int most)
{
	struct store_name *name;
	pthread_t thread;
	int error = 0;

	*result = NULL;
	if (atomic_fetch_add(&threads, 1) >= most) {
		atomic_fetch_sub(&threads, 1);
		return -EAGAIN;
	}
	name = calloc(1, sizeof(*name));
	if (name) {
		name->place = *place;
		name->users = 2;
		name->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		error = name->fd < 0 ? -errno : thread_start(&thread, work, name);
	}
	if (name && !error) {
		pthread_detach(thread);
		*result = name;
		return 0;
	}
	if (name && name->fd >= 0)
		close(name->fd);
	free(name);
	atomic_fetch_sub(&threads, 1);
	return error ?: -ENOMEM;
}

bool store_name_serves(const struct store_name *name, const struct store_place *place)
{
	if (!name || name->place.port != place->port || strcmp(name->place.host, place->host))
		return false;
	return !atomic_load(&name->done) ||
	       clock_ns(CLOCK_BOOTTIME) - name->answered < STAYS_NS;
}

int store_name_fd(const struct store_name *name)
{
	return name->fd;
}

int store_name_get(const struct store_name *name, unsigned int number,
		   struct sockaddr_storage *to, socklen_t *to_size, const char **why)
{
	const struct addrinfo *chosen;
	int count = 0;

	if (!atomic_load(&name->done))
		return 0;
	if (name->error) {
		*why = gai_strerror(name->error);
		return -EHOSTUNREACH;
	}
	for (chosen = name->found; chosen; chosen = chosen->ai_next)
		count++;
	chosen = name->found;
	for (number %= count; number; number--)
		chosen = chosen->ai_next;
	take(chosen, to, to_size);
	return count;
}

void store_name_drop(struct store_name *name)
{
	if (name)
		leave(name);
}
