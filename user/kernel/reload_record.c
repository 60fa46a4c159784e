// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/kernel/reload_record.h"

#define LINE_MAX_BYTES 1024

/* One daemon, one reload at a time. */
static struct hc_reload record;
static size_t used;
static bool is_last;

static void hear(const char *line)
{
	size_t length = strnlen(line, LINE_MAX_BYTES - 1);

	if (used + length + 1 + (is_last ? 0 : LINE_MAX_BYTES) > sizeof(record.said) - 1)
		return;
	memcpy(record.said + used, line, length);
	used += length;
	record.said[used++] = '\n';
	record.said[used] = '\0';
}

int reload_record_read(const struct headcount_bpf *object, struct hc_reload *into)
{
	__u32 zero = 0;

	if (bpf_map_lookup_elem_flags(bpf_map__fd(object->maps.reloads), &zero, into,
				      BPF_F_LOCK))
		return hc_error_errno(errno, "cannot read how the last reload went");
	into->said[sizeof(into->said) - 1] = '\0';
	return 0;
}

static void write_record(const struct headcount_bpf *object)
{
	__u32 zero = 0;

	if (bpf_map_update_elem(bpf_map__fd(object->maps.reloads), &zero, &record, BPF_F_LOCK))
		hc_error_errno(errno, "cannot record how the reload went");
}

void reload_record_begin(const struct headcount_bpf *object)
{
	if (!reload_record_read(object, &record)) {
		record.begun++;
		write_record(object);
	}
	used = 0;
	is_last = false;
	record.said[0] = '\0';
	log_overhear(hear);
}

void reload_record_last(void)
{
	is_last = true;
}

void reload_record_end(const struct headcount_bpf *object, enum hc_reload_result result)
{
	log_overhear(NULL);
	record.time_ns = clock_realtime_ns();
	record.result = result;
	record.ended = record.begun;
	write_record(object);
}

void reload_record_forget(const struct headcount_bpf *object)
{
	if (reload_record_read(object, &record))
		return;
	record.ended = record.begun;
	record.time_ns = 0;
	record.result = 0;
	record.said[0] = '\0';
	write_record(object);
}
