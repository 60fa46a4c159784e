// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "user/base/address.h"
#include "user/base/label.h"
#include "user/events/decode.h"

/* IPv4 on the wire means an IPv4 address, or none where it is not known. */
static bool family_agrees(const __u8 address[16])
{
	return address_is_ipv4(address) || !address_is_known(address);
}

static bool user_is_valid(const struct hc_user_key *user)
{
	return user->service < HC_SERVICES_MAX && user->kind <= HC_UNLABELLED &&
	       user->prefix <= 128;
}

static bool event_is_valid(const struct hc_event *event)
{
	if (event->version != HC_RECORD_VERSION)
		return false;
	if (event->type < HC_OPENED || event->type > HC_LABELLED)
		return false;
	if (event->direction > HC_INBOUND)
		return false;
	if (!user_is_valid(&event->user) ||
	    (event->type == HC_LABELLED && !user_is_valid(&event->before)))
		return false;
	if (event->flags & HC_F_IPV4)
		return family_agrees(event->ends.local) && family_agrees(event->ends.remote);
	return true;
}

int decode_event(struct hc_event *event, const void *data, size_t size)
{
	const struct hc_label_event *labelled = data;

	if (size != HC_OPENED_SIZE && size != sizeof(*event) && size != sizeof(*labelled))
		return -EINVAL;
	memset(event, 0, sizeof(*event));
	memcpy(event, data, size < sizeof(*event) ? size : sizeof(*event));
	if (!event_is_valid(event) || (event->type == HC_OPENED) != (size == HC_OPENED_SIZE))
		return -EINVAL;
	if (size == sizeof(*labelled))
		label_learn(&labelled->label);
	return 0;
}

bool decode_was_established(const struct hc_event *event)
{
	switch (event->end) {
	case HC_END_FINISHED:
	case HC_END_RESET:
		return true;
	case HC_END_REFUSED:
	case HC_END_ABANDONED:
		return false;
	default:
		/* A SYN that was not answered has no round-trip time. */
		return event->direction == HC_INBOUND || event->srtt_us || event->rx_bytes ||
		       event->tx_bytes;
	}
}

__u64 decode_duration_ns(const struct hc_event *event)
{
	return event->time_ns > event->start_ns ? event->time_ns - event->start_ns : 0;
}
