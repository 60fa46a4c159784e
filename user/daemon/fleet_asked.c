// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/base/clock.h"
#include "user/daemon/fleet_asked.h"
#include "user/fleet/askers.h"

#define STEP (64 * 1024) /* a pipe's */

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int fleet_asked_begin(struct fleet_asked *asked, struct fleet_runner *runner,
		      const struct fleet_request *request, const char *id)
{
	int output[2] = {-1, -1}, said[2] = {-1, -1}, error = 0;

	*asked = (struct fleet_asked){
		.there = true,
		.fds = {-1, -1},
		.until = clock_ns(CLOCK_BOOTTIME) + (ASK_WORK_SECONDS + 1) * NS_PER_SECOND,
	};
	strcpy(asked->id, id);
	/* The command's own ends are to wait for us; ours are not to wait for it. */
	if (pipe2(output, O_CLOEXEC) || pipe2(said, O_CLOEXEC) ||
	    fcntl(output[0], F_SETFL, O_NONBLOCK) || fcntl(said[0], F_SETFL, O_NONBLOCK))
		error = -errno;
	asked->fds[0] = output[0];
	asked->fds[1] = said[0];
	error = error
			?: fleet_runner_ask(runner, request, askers_number(request->host),
					    (const int[]){output[1], said[1]});
	close_one(&output[1]);
	close_one(&said[1]);
	if (error)
		fleet_asked_free(asked);
	return error;
}

static bool grow(struct fleet_asked *asked)
{
	/* One byte more: the exit code. */
	size_t size = asked->output_size + STEP;
	char *more = size < ASK_OUTPUT_MAX + STEP ? realloc(asked->output, size) : NULL;

	asked->too_long = !more;
	if (more)
		asked->output = more;
	return more;
}

static void read_output(struct fleet_asked *asked)
{
	ssize_t got = 1;

	while (got > 0 && asked->fds[0] >= 0) {
		if (!grow(asked)) {
			close_one(&asked->fds[0]); /* it ends by that */
			return;
		}
		got = read(asked->fds[0], asked->output + asked->output_size, STEP);
		if (got > 0)
			asked->output_size += got;
	}
	if (!got || (got < 0 && errno != EAGAIN && errno != EINTR))
		close_one(&asked->fds[0]);
}

/* What is beyond its room is not kept. */
static void read_said(struct fleet_asked *asked)
{
	char bytes[ASK_SAID_MAX];
	ssize_t got = 1;

	while (got > 0 && asked->fds[1] >= 0) {
		size_t room = sizeof(asked->said) - asked->said_size;

		got = read(asked->fds[1], bytes, sizeof(bytes));
		if (got > 0) {
			room = (size_t)got < room ? (size_t)got : room;
			memcpy(asked->said + asked->said_size, bytes, room);
			asked->said_size += room;
		}
	}
	if (!got || (got < 0 && errno != EAGAIN && errno != EINTR))
		close_one(&asked->fds[1]);
}

bool fleet_asked_read(struct fleet_asked *asked, __u64 now)
{
	read_output(asked);
	read_said(asked);
	return (asked->fds[0] < 0 && asked->fds[1] < 0) || asked->too_long ||
	       now >= asked->until;
}

static int fail(struct fleet_asked *asked, const char *why)
{
	asked->output_size = 0;
	asked->said_size = snprintf(asked->said, sizeof(asked->said), "%s\n", why);
	return 1;
}

int fleet_asked_code(struct fleet_asked *asked)
{
	unsigned char code = 255;

	if (asked->too_long)
		return fail(asked, "it prints more than 4 MiB: give conditions");
	if (asked->output_size)
		code = asked->output[--asked->output_size];
	if (code > 2)
		return fail(asked, asked->fds[0] >= 0 ? "it takes too long: give conditions"
						      : "its command has not come to its end");
	return code;
}

void fleet_asked_free(struct fleet_asked *asked)
{
	for (int i = 0; asked->there && i < 2; i++)
		close_one(&asked->fds[i]);
	free(asked->output);
	*asked = (struct fleet_asked){};
}
