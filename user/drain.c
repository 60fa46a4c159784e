// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "decode.h"
#include "drain.h"
#include "log.h"
#include "loss.h"
#include "print.h"

#define WRITE_AT (1 << 16) /* bytes of lines that are worth a write() */

struct drain {
	const struct headcount_bpf *object;
	struct ring_buffer *rings;
	struct print_buffer out;
	struct print_context context;
	char names[HC_SERVICES_MAX][HC_NAME_MAX];
	__u64 losses[HC_LOSS_COUNT];
	int fd;
	int error; /* of the last write */
	bool json;
	bool refusals;
};

const struct loss_row loss_rows[] = {
#define X(name, kind, word, text) {word, text, LOSS_##kind},
	HC_LOSSES(X)
#undef X
};

int losses_read(const struct headcount_bpf *object, __u64 losses[])
{
	int cpus = libbpf_num_possible_cpus();
	__u64 *each = calloc(cpus, sizeof(*each));

	if (!each)
		return hc_error_errno(ENOMEM, "cannot read the losses");
	for (__u32 reason = 0; reason < HC_LOSS_COUNT; reason++) {
		losses[reason] = 0;
		if (bpf_map_lookup_elem(bpf_map__fd(object->maps.losses), &reason, each))
			continue;
		for (int cpu = 0; cpu < cpus; cpu++)
			losses[reason] += each[cpu];
	}
	free(each);
	return 0;
}

/* Writes all lines out; whole lines only, unless the reader goes away. */
static void write_out(struct drain *drain)
{
	size_t done = 0;

	while (done < drain->out.length && !drain->error) {
		ssize_t written = write(drain->fd, drain->out.data + done,
					drain->out.length - done);

		if (written >= 0)
			done += written;
		else if (errno == EAGAIN)
			poll(&(struct pollfd){drain->fd, POLLOUT, 0}, 1, -1);
		else if (errno != EINTR)
			drain->error = -errno;
	}
	drain->out.length = 0;
}

static int handle(void *context, void *data, size_t size)
{
	struct drain *drain = context;
	struct hc_event event;

	if (decode_event(&event, data, size)) {
		hc_error("a record of an unknown layout came from the kernel");
		return 0;
	}
	drain->refusals |= event.type == HC_REFUSED;
	if (drain->json)
		print_json_event(&drain->out, &drain->context, &event);
	else
		print_text_event(&drain->out, &drain->context, &event);
	if (drain->out.length >= WRITE_AT)
		write_out(drain);
	return drain->error; /* stops the batch */
}

struct drain *drain_new(const struct headcount_bpf *object, int fd, bool json)
{
	struct drain *drain = calloc(1, sizeof(*drain));

	if (!drain) {
		hc_error_errno(ENOMEM, "cannot read events");
		return NULL;
	}
	drain->object = object;
	drain->fd = fd;
	drain->json = json;
	drain->context.service_names = drain->names;
	drain->rings = ring_buffer__new(bpf_map__fd(object->maps.events), handle, drain, NULL);
	if (!drain->rings || ring_buffer__add(drain->rings, bpf_map__fd(object->maps.refusals),
					      handle, drain)) {
		hc_error_errno(errno, "cannot map the event rings");
		drain_free(drain);
		return NULL;
	}
	losses_read(object, drain->losses);
	if (!json)
		print_text_header(&drain->out);
	return drain;
}

void drain_free(struct drain *drain)
{
	if (!drain)
		return;
	ring_buffer__free(drain->rings);
	print_buffer_free(&drain->out);
	free(drain);
}

void drain_set_policy(struct drain *drain, const struct policy *policy)
{
	for (int id = 0; id < HC_SERVICES_MAX; id++)
		/* A name outlives its service: late events still carry the id. */
		if (policy->services[id].used)
			memcpy(drain->names[id], policy->services[id].name, HC_NAME_MAX);
}

static __u64 clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static void print_losses(struct drain *drain)
{
	__u64 now[HC_LOSS_COUNT], time_ns = clock_ns(CLOCK_MONOTONIC);

	if (losses_read(drain->object, now))
		return;
	for (int reason = 0; reason < HC_LOSS_COUNT; reason++) {
		__u64 lost = now[reason] - drain->losses[reason];

		if (!lost || loss_rows[reason].kind != LOSS_EVENTS)
			continue;
		if (drain->json)
			print_json_lost(&drain->out, &drain->context, time_ns,
					loss_rows[reason].word, lost);
		else
			print_text_lost(&drain->out, &drain->context, time_ns,
					loss_rows[reason].word, lost);
	}
	memcpy(drain->losses, now, sizeof(now));
}

int drain_poll(struct drain *drain, int nap_ms)
{
	int got;

	/* Nobody wakes us: records gather while we sleep, and cost less that way.
	 * A signal cuts the nap short. */
	if (nap_ms)
		poll(NULL, 0, nap_ms);
	drain->context.realtime_offset_ns =
		clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
	got = ring_buffer__consume(drain->rings);
	print_losses(drain);
	write_out(drain);
	if (drain->error == -EPIPE)
		return -EPIPE;
	if (drain->error)
		return hc_error_errno(drain->error, "cannot write events");
	return got < 0 && got != -EINTR ? hc_error_errno(got, "cannot read events") : 0;
}

bool drain_saw_refusals(struct drain *drain)
{
	bool seen = drain->refusals;

	drain->refusals = false;
	return seen;
}
