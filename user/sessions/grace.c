// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/base/privileges.h"
#include "user/kernel/labels.h"
#include "user/kernel/state.h"
#include "user/sessions/grace.h"

#define AT_ONCE 256 /* entries of the index */

void grace_set(struct grace *grace, const struct policy *policy)
{
	grace->any = false;
	for (int id = 0; id < HC_SERVICES_MAX; id++) {
		const struct hc_service *service = &policy->services[id];

		grace->seconds[id] = service->used ? service->login_grace : 0;
		grace->any |= grace->seconds[id];
	}
}

/* The index says since when; the record of the session, whose it is. */
static bool is_over(const struct grace *grace, const struct headcount_bpf *walker,
		    const struct hc_labelling *entry, __u64 now_ns, struct hc_session *session)
{
	__u32 seconds;

	/* No service has less than a second. */
	if (entry->settled || now_ns - entry->opened_ns < NS_PER_SECOND ||
	    !state_read_session(walker, entry->id, session) ||
	    session->user.kind != HC_UNLABELLED)
		return false;
	seconds = grace->seconds[session->user.service % HC_SERVICES_MAX];
	return seconds && now_ns - entry->opened_ns >= seconds * NS_PER_SECOND;
}

void grace_close(struct grace *grace, const struct headcount_bpf *walker, struct closer *closer)
{
	static struct hc_label_socket keys[AT_ONCE];
	static struct hc_labelling entries[AT_ONCE];
	__u64 now_ns = clock_monotonic_ns();
	struct hc_session session;
	__u32 position, count;
	bool first = true;
	int last = labels_sockets() < 0 ? -ENOENT : 0, error;

	while (!last) {
		count = AT_ONCE;
		last = bpf_map_lookup_batch(labels_sockets(), first ? NULL : &position,
					    &position, keys, entries, &count, NULL);
		if (last && last != -ENOENT)
			return;
		first = false;
		for (__u32 i = 0; i < count; i++) {
			if (!is_over(grace, walker, &entries[i], now_ns, &session))
				continue;
			error = closer_kill(
				closer, walker,
				&(struct hc_kill){.id = entries[i].id, .session = session}, 0);
			if (error >= 0 || error == -EBUSY || grace->complained)
				continue;
			grace->complained = true;
			hc_error_errno(error, "cannot close sessions after login_grace%s",
				       privileges_hint(error));
		}
	}
}
