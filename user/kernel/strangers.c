// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "user/base/account.h"
#include "user/base/log.h"
#include "user/kernel/losses.h"
#include "user/kernel/strangers.h"

int strangers_read(const struct headcount_bpf *object,
		   struct hc_stranger strangers[HC_SERVICES_MAX])
{
	for (__u32 id = 0; id < HC_SERVICES_MAX; id++)
		if (bpf_map_lookup_elem(bpf_map__fd(object->maps.strangers), &id,
					&strangers[id]))
			return hc_error_errno(errno, "cannot read the labels not taken");
	return 0;
}

/* How many in all: one number, which is read each second. */
static __u64 count_all(const struct headcount_bpf *object)
{
	__u64 *each_cpu = calloc(libbpf_num_possible_cpus(), sizeof(*each_cpu)), count = 0;

	if (each_cpu)
		count = losses_read_one(object, HC_LOSS_LABELS_UNTRUSTED, each_cpu);
	free(each_cpu);
	return count;
}

void strangers_set(struct strangers *strangers, const struct headcount_bpf *object)
{
	static struct hc_stranger now[HC_SERVICES_MAX];

	*strangers = (struct strangers){.count = count_all(object)};
	if (strangers_read(object, now))
		return;
	for (int id = 0; id < HC_SERVICES_MAX; id++)
		strangers->seen[id] = now[id].count;
}

static void tell_one(const struct policy *policy, int id, const struct hc_stranger *stranger)
{
	const char *name = account_name(stranger->uid);

	hc_notice("%s: a label was not taken: the socket listening on port %u belongs to uid "
		  "%u%s%s%s, none of the service's labellers",
		  policy->services[id].name, stranger->port, stranger->uid, *name ? " (\"" : "",
		  name, *name ? "\")" : "");
}

void strangers_tell(struct strangers *strangers, const struct headcount_bpf *object)
{
	static struct hc_stranger now[HC_SERVICES_MAX];
	__u64 count = count_all(object);
	struct policy *policy;

	if (count == strangers->count || strangers_read(object, now) ||
	    policy_read_new(object, &policy))
		return;
	strangers->count = count;
	for (int id = 0; id < HC_SERVICES_MAX; id++) {
		if (now[id].count == strangers->seen[id] || strangers->told[id])
			continue;
		strangers->told[id] = true;
		tell_one(policy, id, &now[id]);
	}
	free(policy);
}
