// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/events/decode.h"
#include "user/events/drain.h"
#include "user/events/print.h"
#include "user/events/ring_reader.h"
#include "user/kernel/losses.h"

#define WRITE_AT  (1 << 16) /* bytes of lines that are worth a write() */
#define BATCH_MAX 200000    /* records before the caller looks at its signals again */

struct drain {
	const struct headcount_bpf *object;
	/* A reader each: a ring that is never empty must not starve the other. */
	struct ring_reader *events;
	struct ring_buffer *refusals;
	struct sinks *sinks;
	size_t batch; /* records in this drain_poll() */
	struct print_buffer out;
	struct print_context context;
	char names[HC_SERVICES_MAX][HC_NAME_MAX];
	__u64 *each_cpu;           /* room for a number of each */
	__u64 told[HC_LOSS_COUNT]; /* losses that our output tells of */
	int error;                 /* of the last write */
	__u64 unread;              /* events that stdout left behind when we were to end */
	bool json;
	bool wants_lines, wants_events; /* somebody reads them */
	bool saw_refusals;
	bool tells; /* of losses, in lines that are not written yet */
};

/* Who is killed while a reader keeps him waiting has lost lines, and told none that the next
 * run tells again. */
static void write_out(struct drain *drain)
{
	ring_reader_release(drain->events);
	if (!drain->error) {
		drain->error = sinks_write(drain->sinks, &drain->out, drain->context.sequence);
		if (drain->error == -EPIPE)
			drain->unread += sinks_unread(drain->sinks);
	}
	if (drain->error)
		drain->out.length = 0;
}

/* Once, for all who read; nobody reading, it is numbered all the same. */
static void print_event(struct drain *drain, const struct hc_event *event)
{
	if (!drain->wants_lines)
		drain->context.sequence++;
	else if (drain->json)
		print_json_event(&drain->out, &drain->context, event);
	else
		print_text_event(&drain->out, &drain->context, event);
	if (drain->wants_events)
		sinks_event(drain->sinks, &drain->context, event);
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
		hc_error("the kernel sent a record of unknown layout");
		return 0;
	}
	drain->saw_refusals |= event.type == HC_REFUSED;
	print_event(drain, &event);
	if (drain->out.length >= WRITE_AT)
		write_out(drain);
	if (++drain->batch >= BATCH_MAX)
		return -EAGAIN;
	return drain->error; /* stops the batch */
}

struct drain *drain_new(const struct headcount_bpf *object, struct sinks *sinks, bool json)
{
	struct drain *drain = calloc(1, sizeof(*drain));

	if (drain)
		drain->each_cpu = calloc(libbpf_num_possible_cpus(), sizeof(*drain->each_cpu));
	if (!drain || !drain->each_cpu) {
		hc_error_errno(ENOMEM, "cannot read events");
		free(drain);
		return NULL;
	}
	drain->object = object;
	drain->sinks = sinks;
	drain->json = json;
	drain->context.service_names = drain->names;
	drain->context.origin = sinks_origin(sinks);
	drain->events = ring_reader_new(object);
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
	if (!json) {
		drain->context.terminal = print_terminal(STDOUT_FILENO);
		print_text_header(&drain->out, &drain->context);
	}
	return drain;
}

void drain_free(struct drain *drain)
{
	if (!drain)
		return;
	if (drain->unread)
		hc_notice("standard output was not read: %llu events lost", drain->unread);
	ring_reader_free(drain->events);
	ring_buffer__free(drain->refusals);
	print_buffer_free(&drain->out);
	free(drain->each_cpu);
	free(drain);
}

void drain_set_policy(struct drain *drain, const struct policy *policy)
{
	for (int id = 0; id < HC_SERVICES_MAX; id++)
		memcpy(drain->names[id], policy->services[id].name, HC_NAME_MAX);
}

static void print_lost(struct drain *drain, __u64 time_ns, const char *word, __u64 lost)
{
	if (drain->json)
		print_json_lost(&drain->out, &drain->context, time_ns, word, lost);
	else
		print_text_lost(&drain->out, &drain->context, time_ns, word, lost);
	sinks_lost(drain->sinks, &drain->context, word, lost);
}

static void print_losses(struct drain *drain)
{
	__u64 time_ns = clock_monotonic_ns(), now, lost;

	for (__u32 reason = 0; reason < HC_LOSS_COUNT; reason++) {
		if (loss_rows[reason].kind != LOSS_EVENTS)
			continue;
		now = losses_read_one(drain->object, reason, drain->each_cpu);
		lost = now - drain->told[reason];
		if (!lost)
			continue;
		if (drain->unread)
			drain->unread += lost;
		else
			print_lost(drain, time_ns, loss_rows[reason].word, lost);
		drain->told[reason] = now;
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

/* What readers of the lines lost: we alone count that, so that nothing comes in between. */
static void count_sink_losses(struct drain *drain)
{
	__u64 losses[HC_LOSS_COUNT] = {};

	sinks_take_losses(drain->sinks, losses);
	for (int reason = 0; reason < HC_LOSS_COUNT; reason++)
		losses_add(drain->object, reason, losses[reason], drain->each_cpu);
}

void drain_finish(struct drain *drain)
{
	sinks_finish(drain->sinks);
	count_sink_losses(drain);
}

/* The columns of a terminal that is wider or narrower now are others. */
static void fit_terminal(struct drain *drain)
{
	unsigned int terminal = print_terminal(STDOUT_FILENO);

	if (terminal == drain->context.terminal)
		return;
	drain->context.terminal = terminal;
	print_text_header(&drain->out, &drain->context);
}

int drain_poll(struct drain *drain, int nap_ms)
{
	int got;

	/* No record wakes us: they gather while we sleep, and cost less that way.
	 * A signal cuts the nap short. */
	if (nap_ms)
		sinks_nap(drain->sinks, nap_ms);
	drain->wants_lines = sinks_want_lines(drain->sinks);
	drain->wants_events = sinks_want_events(drain->sinks);
	drain->context.realtime_offset_ns = clock_realtime_offset_ns();
	if (!drain->json)
		fit_terminal(drain);
	drain->batch = 0;
	got = ring_buffer__consume(drain->refusals);
	if (got >= 0 || got == -EAGAIN)
		got = ring_reader_consume(drain->events, handle, drain);
	print_losses(drain);
	write_out(drain);
	count_sink_losses(drain);
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
		ring_reader_consume(drain->events, handle, drain);
	print_losses(drain);
}

void drain_tell_fleet(struct drain *drain, const struct print_fleet *fleet)
{
	drain->context.realtime_offset_ns = clock_realtime_offset_ns();
	if (drain->json)
		print_json_fleet(&drain->out, &drain->context, fleet);
	sinks_fleet(drain->sinks, &drain->context, fleet);
}

bool drain_saw_refusals(struct drain *drain)
{
	bool seen = drain->saw_refusals;

	drain->saw_refusals = false;
	return seen;
}
