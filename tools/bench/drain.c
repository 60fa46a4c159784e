// SPDX-License-Identifier: GPL-2.0-only
/*
 * drain BATCHES: the ring of events is filled with sessions of many users, and then
 * read, decoded, printed as JSON and written to /dev/null by the daemon's own drain;
 * only that is timed. Prints records, CPU ns and bytes a line.
 */
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "user/events/drain.h"
#include "fill.skel.h"
#include "record.h"

#define SAMPLES 4096
#define FILLS   64 /* of 512 records: half of the ring */

static const volatile sig_atomic_t hurry;
static struct policy policy;

static __u64 cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

/* A client of its own, every fifth by IPv6. */
static void set_ends(struct hc_event *event, int number)
{
	char text[64];

	snprintf(text, sizeof(text), number % 5 ? "::ffff:10.%d.%d.7" : "2001:db8:%x:%x::7",
		 number % 251, number / 16 % 241);
	inet_pton(AF_INET6, text, event->ends.remote);
	inet_pton(AF_INET6, number % 5 ? "::ffff:192.0.2.10" : "2001:db8::10",
		  event->ends.local);
	event->flags = number % 5 ? HC_F_IPV4 : 0;
	event->ends.local_port = 993;
	event->ends.remote_port = 10000 + number * 7 % 50000;
	event->ends.netns = 4026531840;
	memcpy(event->user.id, event->ends.remote, 16);
	event->user.prefix = number % 5 ? 128 : 64;
	if (event->user.prefix == 64)
		memset(event->user.id + 8, 0, 8);
}

/* As many ends as beginnings, and a refusal among 32; half are of each direction. */
static struct hc_event sample_of(int number)
{
	static const __u32 owners[] = {0, 33, 1000, 60100};
	struct hc_event event = {
		.version = HC_RECORD_VERSION,
		.type = number % 32 == 31 ? HC_REFUSED
			: number % 2      ? HC_CLOSED
					  : HC_OPENED,
		.direction = number / 2 % 2 ? HC_INBOUND : HC_OUTBOUND,
		.time_ns = 1234567890123ull + number * 1234567ull,
		.start_ns = 1234567890123ull,
		.id = 4000000 + number,
		.active = number % 40,
		.cap = 32,
		.uid = owners[number % 4],
		.pid = 2000 + number,
		.comm = "imap-login",
		.user = {.service = HC_FIRST_SERVICE, .kind = HC_BY_CLIENT},
	};

	set_ends(&event, number);
	if (event.direction == HC_OUTBOUND)
		event.user = (struct hc_user_key){.kind = HC_BY_UID, .uid = event.uid};
	if (event.type == HC_CLOSED) {
		event.end = number % 3 ? HC_END_FINISHED : HC_END_RESET;
		event.rx_bytes = number * 12345ull;
		event.tx_bytes = number * 543ull;
		event.srtt_us = 20000 + number;
		event.idle = (struct hc_idle){.ticks = number, .ms = HC_NEVER};
		event.half_closed = number % 3 ? (__u32)number : HC_NEVER;
	}
	return event;
}

static struct fill_bpf *filler(const struct headcount_bpf *object)
{
	struct fill_bpf *fill = fill_bpf__open();

	if (!fill || bpf_map__reuse_fd(fill->maps.events, bpf_map__fd(object->maps.events)) ||
	    bpf_map__reuse_fd(fill->maps.event_ring, bpf_map__fd(object->maps.event_ring)) ||
	    fill_bpf__load(fill))
		errx(1, "cannot load the program that fills the ring");
	for (__u32 i = 0; i < SAMPLES; i++) {
		struct hc_event event = sample_of(i);

		if (bpf_map_update_elem(bpf_map__fd(fill->maps.samples), &i, &event, 0))
			err(1, "cannot store a sample");
	}
	return fill;
}

static int fill_ring(const struct fill_bpf *fill)
{
	int sent = 0;

	for (int i = 0; i < FILLS; i++) {
		LIBBPF_OPTS(bpf_test_run_opts, opts);

		if (bpf_prog_test_run_opts(bpf_program__fd(fill->progs.fill), &opts))
			err(1, "cannot fill the ring");
		sent += opts.retval;
	}
	return sent;
}

static struct drain *drain_to(const struct headcount_bpf *object, int fd)
{
	struct sinks *sinks = sinks_new(fd, &hurry, NULL);
	struct sink_list list;
	struct drain *drain;

	sink_list_default(&list);
	if (!sinks || sinks_prepare(sinks, &list))
		exit(1);
	sinks_commit(sinks);
	drain = drain_new(object, sinks, true);
	if (!drain)
		exit(1);
	policy.services[0] = (struct hc_service){.used = 1, .name = "outbound"};
	policy.services[HC_FIRST_SERVICE] = (struct hc_service){.used = 1, .name = "imap"};
	drain_set_policy(drain, &policy);
	return drain;
}

/* One round into a file proves that every record becomes a line; its length. */
static long check(const struct headcount_bpf *object, const struct fill_bpf *fill)
{
	int file = memfd_create("lines", 0), sent = fill_ring(fill), lines = 0;
	struct drain *drain = drain_to(object, file);
	long size;
	char *text;

	if (drain_poll(drain, 0))
		exit(1);
	size = lseek(file, 0, SEEK_END);
	text = mmap(NULL, size, PROT_READ, MAP_PRIVATE, file, 0);
	for (long i = 0; i < size; i++)
		lines += text[i] == '\n';
	if (lines != sent)
		errx(1, "%d records became %d lines", sent, lines);
	munmap(text, size);
	drain_free(drain);
	close(file);
	return size / lines;
}

int main(int argc, char **argv)
{
	struct load_request request = {};
	struct headcount_bpf *object;
	struct config config;
	struct fill_bpf *fill;
	struct drain *drain;
	__u64 records = 0, ns = 0;
	long bytes;

	load_quiet();
	config_defaults(&config);
	request.config = &config;
	if (argc != 2 || load_object(&object, &request))
		errx(2, "usage: drain BATCHES");
	fill = filler(object);
	bytes = check(object, fill);
	drain = drain_to(object, open("/dev/null", O_WRONLY));
	for (int i = 0; i < atoi(argv[1]); i++) {
		__u64 start;

		records += fill_ring(fill);
		start = cpu_ns();
		if (drain_poll(drain, 0))
			return 1;
		ns += cpu_ns() - start;
	}
	printf("%llu %llu %ld\n", records, ns, bytes);
	drain_free(drain);
	fill_bpf__destroy(fill);
	headcount_bpf__destroy(object);
	config_free(&config);
	return 0;
}
