/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HEADCOUNT_DECODE_H
#define HEADCOUNT_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include "record.h"

/*
 * Checks that `data` (any alignment, `size` bytes) is an event that the
 * printers may print: version, type and the size that goes with it, direction, address
 * family flags, service id and user kind in range. Copies it to `event` and returns 0, or
 * -EINVAL.
 */
int decode_event(struct hc_event *event, const void *data, size_t size);

/* Of a session that is closed: did the peer ever answer its SYN? */
bool decode_was_established(const struct hc_event *event);

/* How long it lasted. */
__u64 decode_duration_ns(const struct hc_event *event);

#endif
