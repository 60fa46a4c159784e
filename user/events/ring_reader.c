// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <sys/mman.h>

#include "user/events/ring_reader.h"
#include "event_ring.h"

#define RELEASE_AT 256 /* records: each release costs the writers a cache line */
#define REWIND_AT  512 /* slots that stay in the cache anyway, and positions last the longer */

struct ring_reader {
	struct event_ring_reader at;
	struct hc_event_slot *slots;
};

#define SLOTS_SIZE (HC_EVENT_SLOTS * sizeof(struct hc_event_slot))

/* NULL, and not MAP_FAILED, on an error. */
static void *map_all(const struct bpf_map *map, size_t size, int protection)
{
	void *memory = mmap(NULL, size, protection, MAP_SHARED, bpf_map__fd(map), 0);

	return memory == MAP_FAILED ? NULL : memory;
}

struct ring_reader *ring_reader_new(const struct headcount_bpf *object)
{
	struct ring_reader *reader = calloc(1, sizeof(*reader));

	if (!reader)
		return NULL;
	reader->at.ring = map_all(object->maps.event_ring, sizeof(*reader->at.ring),
				  PROT_READ | PROT_WRITE);
	reader->slots = map_all(object->maps.events, SLOTS_SIZE, PROT_READ);
	if (reader->at.ring && reader->slots)
		return reader;
	ring_reader_free(reader);
	return NULL;
}

void ring_reader_free(struct ring_reader *reader)
{
	if (!reader)
		return;
	if (reader->at.ring)
		munmap(reader->at.ring, sizeof(*reader->at.ring));
	if (reader->slots)
		munmap(reader->slots, SLOTS_SIZE);
	free(reader);
}

void ring_reader_release(struct ring_reader *reader)
{
	event_ring_release(&reader->at);
}

int ring_reader_consume(struct ring_reader *reader, ring_reader_fn *handle, void *context)
{
	struct event_ring_reader *at = &reader->at;
	int got = 0, error = 0;
	__u64 position;
	__u32 size;

	event_ring_begin(at);
	while (error >= 0 && event_ring_read(at, &position, &size)) {
		if (size) {
			error = handle(context, reader->slots[event_ring_slot(position)].record,
				       size);
			got++;
		}
		if (at->read >= RELEASE_AT)
			event_ring_release(at);
	}
	event_ring_release(at);
	if (event_ring_slot(at->position) >= REWIND_AT)
		event_ring_rewind(at);
	return error < 0 ? error : got;
}
