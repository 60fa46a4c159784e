// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <limits.h>
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
#include "notify.h"
#include "print.h"

#define WRITE_AT    (1 << 16) /* bytes of lines that are worth a write() */
#define BATCH_MAX   200000    /* records before the caller looks at its signals again */
#define PATIENCE_MS 3000      /* for a slow reader, when we are to end */

struct drain {
	const struct headcount_bpf *object;
	/* A libbpf reader each: one that is never empty must not starve the other. */
	struct ring_buffer *events, *refusals;
	const volatile sig_atomic_t *hurry;
	size_t batch; /* records in this drain_poll() */
	struct print_buffer out;
	struct print_context context;
	char names[HC_SERVICES_MAX][HC_NAME_MAX];
	__u64 told[HC_LOSS_COUNT]; /* losses that our output tells of */
	int fd;
	int error;         /* of the last write */
	__u64 deadline_ns; /* of all writing, from when we are to end; before that 0 */
	__u64 unread;      /* events that it left behind */
	bool json;
	bool saw_refusals;
	bool tells; /* of losses, in lines that are not written yet */
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

static __u64 clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

/* We are to end: waits until the reader takes a piece, but not past the deadline. */
static bool reader_is_ready(struct drain *drain)
{
	struct pollfd ready = {drain->fd, POLLOUT, 0};
	__u64 now = clock_ns(CLOCK_MONOTONIC);
	int got = 0;

	if (!drain->deadline_ns)
		drain->deadline_ns = now + PATIENCE_MS * 1000000ull;
	while (got <= 0 && now < drain->deadline_ns) {
		got = poll(&ready, 1, (drain->deadline_ns - now) / 1000000 + 1);
		now = clock_ns(CLOCK_MONOTONIC);
	}
	return got > 0;
}

static __u64 count_lines(const char *text, const char *end)
{
	__u64 lines = 0;

	for (; text < end && (text = memchr(text, '\n', end - text)); text++)
		lines++;
	return lines;
}

/* As many whole lines as a pipe that has room takes at once. */
static size_t small_piece(const char *at, size_t length)
{
	const char *end;

	if (length <= PIPE_BUF)
		return length;
	end = memrchr(at, '\n', PIPE_BUF);
	return end ? (size_t)(end + 1 - at) : PIPE_BUF;
}

/*
 * Writes all lines out; whole lines only, unless the reader goes away. When we
 * are to end, a slow reader is waited for no longer than PATIENCE_MS in all.
 */
static void write_out(struct drain *drain)
{
	struct pollfd ready = {drain->fd, POLLOUT, 0};
	const char *at = drain->out.data, *end = at + drain->out.length;
	ssize_t written;
	size_t piece;

	while (at < end && !drain->error) {
		notify_alive();
		piece = end - at;
		if (*drain->hurry) {
			piece = small_piece(at, piece);
			if (!reader_is_ready(drain)) {
				drain->unread += count_lines(at, end);
				drain->error = -EPIPE;
				break;
			}
		}
		written = write(drain->fd, at, piece);
		if (written >= 0)
			at += written;
		else if (errno == EAGAIN)
			poll(&ready, 1, PATIENCE_MS);
		else if (errno != EINTR)
			drain->error = -errno;
	}
	drain->out.length = 0;
}

static int handle(void *context, void *data, size_t size)
{
	struct drain *drain = context;
	struct hc_event event;

	if (drain->unread) {
		/* drain_count_rest() */
		drain->unread++;
		return ++drain->batch >= BATCH_MAX ? -EAGAIN : 0;
	}
	if (decode_event(&event, data, size)) {
		hc_error("a record of an unknown layout came from the kernel");
		return 0;
	}
	drain->saw_refusals |= event.type == HC_REFUSED;
	if (drain->json)
		print_json_event(&drain->out, &drain->context, &event);
	else
		print_text_event(&drain->out, &drain->context, &event);
	if (drain->out.length >= WRITE_AT)
		write_out(drain);
	if (++drain->batch >= BATCH_MAX)
		return -EAGAIN;
	return drain->error; /* stops the batch */
}

struct drain *drain_new(const struct headcount_bpf *object, int fd, bool json,
			const volatile sig_atomic_t *hurry)
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
	drain->hurry = hurry;
	drain->events = ring_buffer__new(bpf_map__fd(object->maps.events), handle, drain, NULL);
	drain->refusals =
		ring_buffer__new(bpf_map__fd(object->maps.refusals), handle, drain, NULL);
	if (!drain->events || !drain->refusals) {
		hc_error_errno(errno, "cannot map the event rings");
		drain_free(drain);
		return NULL;
	}
	for (__u32 reason = 0; reason < HC_LOSS_COUNT; reason++)
		bpf_map_lookup_elem(bpf_map__fd(object->maps.losses_told), &reason,
				    &drain->told[reason]);
	if (!json)
		print_text_header(&drain->out);
	return drain;
}

void drain_free(struct drain *drain)
{
	if (!drain)
		return;
	if (drain->unread)
		hc_notice("nobody read our output: %llu events are lost", drain->unread);
	ring_buffer__free(drain->events);
	ring_buffer__free(drain->refusals);
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

static void print_losses(struct drain *drain)
{
	__u64 now[HC_LOSS_COUNT], time_ns = clock_ns(CLOCK_MONOTONIC);

	if (losses_read(drain->object, now))
		return;
	for (int reason = 0; reason < HC_LOSS_COUNT; reason++) {
		__u64 lost = now[reason] - drain->told[reason];

		if (!lost || loss_rows[reason].kind != LOSS_EVENTS)
			continue;
		if (drain->unread)
			drain->unread += lost;
		else if (drain->json)
			print_json_lost(&drain->out, &drain->context, time_ns,
					loss_rows[reason].word, lost);
		else
			print_text_lost(&drain->out, &drain->context, time_ns,
					loss_rows[reason].word, lost);
		drain->told[reason] = now[reason];
		drain->tells = true;
	}
}

/* Once it is written: a daemon that is killed before tells too little, and the
 * next one tells it again. */
static void keep_told(struct drain *drain)
{
	for (__u32 reason = 0; drain->tells && reason < HC_LOSS_COUNT; reason++)
		bpf_map_update_elem(bpf_map__fd(drain->object->maps.losses_told), &reason,
				    &drain->told[reason], BPF_ANY);
	drain->tells = false;
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
	drain->batch = 0;
	got = ring_buffer__consume(drain->refusals);
	if (got >= 0 || got == -EAGAIN)
		got = ring_buffer__consume(drain->events);
	print_losses(drain);
	write_out(drain);
	if (!drain->error)
		keep_told(drain);
	if (drain->error == -EPIPE)
		return -EPIPE;
	if (drain->error)
		return hc_error_errno(drain->error, "cannot write events");
	return got < 0 && got != -EINTR && got != -EAGAIN
		       ? hc_error_errno(got, "cannot read events")
		       : 0;
}

void drain_count_rest(struct drain *drain)
{
	if (!drain->unread)
		return;
	drain->batch = 0;
	if (ring_buffer__consume(drain->refusals) >= 0)
		ring_buffer__consume(drain->events);
	print_losses(drain);
}

bool drain_saw_refusals(struct drain *drain)
{
	bool seen = drain->saw_refusals;

	drain->saw_refusals = false;
	return seen;
}
