// SPDX-License-Identifier: GPL-2.0-only
/* Fills headcount's ring of events with samples, so that what reads it can be measured alone.
 */
#pragma clang diagnostic ignored "-Wunused-parameter"
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "event_ring.h"
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

/* headcount's own, put in their place before loading */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct hc_event_ring);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
} event_ring SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct hc_event_slot);
	__uint(max_entries, HC_EVENT_SLOTS);
	__uint(map_flags, BPF_F_MMAPABLE);
} events SEC(".maps");

static __always_inline bool send(const struct hc_event *sample)
{
	__u32 index = 0;
	struct hc_event_ring *ring = bpf_map_lookup_elem(&event_ring, &index);
	struct hc_event *event;
	__u64 position;

	if (!ring || !event_ring_claim(ring, &position))
		return false;
	index = event_ring_slot(position);
	event = bpf_map_lookup_elem(&events, &index);
	if (!event)
		return false;
	*event = *sample;
	event_ring_publish(ring, position,
			   sample->type == HC_OPENED ? HC_OPENED_SIZE : sizeof(*event));
	return true;
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

		if (sample && send(sample))
			sent++;
	}
	return sent;
}
