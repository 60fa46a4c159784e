// SPDX-License-Identifier: GPL-2.0-only
#include "user/daemon/fleet_crowd.h"

__u32 fleet_crowd_need(struct fleet_crowd *crowd, const struct hc_ask *ask, __u64 now)
{
	/* Of a session that is there; or of a label, which is tried again and again: the ends
	 * are its session's. */
	if (ask->id || *ask->label.text || !ask->ends.remote_port)
		return ask->need;
	if (now - crowd->since_ns > FLEET_CROWD_NS)
		*crowd = (struct fleet_crowd){.since_ns = now};
	return ask->need + crowd->count++;
}
