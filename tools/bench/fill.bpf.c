// SPDX-License-Identifier: GPL-2.0-only
/* Fills headcount's ring of events with samples, so that what reads it can be measured alone.
 */
#pragma clang diagnostic ignored "-Wunused-parameter"
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "record.h"

#define SAMPLES 4096
#define BATCH   512

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct hc_event);
	__uint(max_entries, SAMPLES);
} samples SEC(".maps");

/* headcount's own, put in its place before loading */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 12);
} events SEC(".maps");

static __always_inline long send(const struct hc_event *sample)
{
	return sample->type == HC_OPENED
		       ? bpf_ringbuf_output(&events, (void *)sample, HC_OPENED_SIZE,
					    BPF_RB_NO_WAKEUP)
		       : bpf_ringbuf_output(&events, (void *)sample, sizeof(*sample),
					    BPF_RB_NO_WAKEUP);
}

__u32 next = 0; /* sample */

/* Sends BATCH samples; returns how many found room. */
SEC("syscall")
int fill(void *ctx)
{
	int sent = 0;

	for (int i = 0; i < BATCH; i++) {
		__u32 index = next++ % SAMPLES;
		struct hc_event *sample = bpf_map_lookup_elem(&samples, &index);

		if (sample && !send(sample))
			sent++;
	}
	return sent;
}
