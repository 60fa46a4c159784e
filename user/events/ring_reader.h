/* SPDX-License-Identifier: GPL-2.0-only */
/* The reader's side of the ring of events (event_ring.h), which is mapped. */
#ifndef HEADCOUNT_RING_READER_H
#define HEADCOUNT_RING_READER_H

#include "user/kernel/load.h"

struct ring_reader;

/* NULL on an error, with errno set. One reader of a ring at a time. */
struct ring_reader *ring_reader_new(const struct headcount_bpf *object);
void ring_reader_free(struct ring_reader *reader);

/* What is done with a record, which may be overwritten after that. As libbpf's ring buffers
 * have it: less than 0 ends the batch, after this record. */
typedef int ring_reader_fn(void *context, void *record, size_t size);

/* Reads what is there. Returns how many records that were, or what `handle` did if it was less
 * than 0. */
int ring_reader_consume(struct ring_reader *reader, ring_reader_fn *handle, void *context);

/* From `handle`: this record and those before it will not be read again, whatever becomes of
 * us. */
void ring_reader_release(struct ring_reader *reader);

#endif
