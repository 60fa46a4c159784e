// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/kernel/fleet_record.h"

static void end_text(char *text, size_t size)
{
	text[size - 1] = '\0';
}

int fleet_record_read(const struct headcount_bpf *object, struct hc_fleet_status *status)
{
	__u32 zero = 0;

	if (bpf_map_lookup_elem_flags(bpf_map__fd(object->maps.fleet_statuses), &zero, status,
				      BPF_F_LOCK))
		return hc_error_errno(errno, "cannot read how the fleet goes");
	if (status->shards > HC_SHARDS_MAX)
		status->shards = HC_SHARDS_MAX;
	end_text(status->name, sizeof(status->name));
	for (__u32 i = 0; i < HC_SHARDS_MAX; i++) {
		end_text(status->shard[i].epoch, sizeof(status->shard[i].epoch));
		end_text(status->shard[i].server, sizeof(status->shard[i].server));
		end_text(status->shard[i].why, sizeof(status->shard[i].why));
	}
	return 0;
}

void fleet_record_write(const struct headcount_bpf *object,
			const struct hc_fleet_status *status)
{
	__u32 zero = 0;

	bpf_map_update_elem(bpf_map__fd(object->maps.fleet_statuses), &zero, status,
			    BPF_F_LOCK);
}

void fleet_record_clear(const struct headcount_bpf *object)
{
	static const struct hc_fleet_status none;

	fleet_record_write(object, &none);
}

bool fleet_shard_live(const struct hc_fleet_shard *shard)
{
	return clock_ns(CLOCK_BOOTTIME) < shard->deadline_ns;
}

__u64 fleet_record_alone(const struct hc_fleet_status *status)
{
	__u64 since = 0;

	for (__u32 i = 0; i < status->shards; i++) {
		__u64 own = status->shard[i].alone_since_ns;

		if (own && (!since || own < since))
			since = own;
	}
	return since;
}

const char *fleet_stage_word(const struct hc_fleet_shard *shard)
{
	/* A daemon that is gone says nothing of it. */
	if (shard->alone_since_ns ||
	    (shard->stage == HC_FLEET_MEMBER && !fleet_shard_live(shard)))
		return "alone";
	if (shard->stage == HC_FLEET_OUT)
		return "joining";
	if (shard->stage == HC_FLEET_CLAIMS)
		return "claiming";
	return shard->ready ? "ready" : "learning";
}
