/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sessions that were redirected to another listener as they were over the cap (excess.h). They
 * are nobody's: charged to no user, counted and told as no session. Which they are is known in
 * the same packet by the CPU's arrival, if that ends the handshake (SYN cookie, Fast Open);
 * else the request's cookie is noted, which its session will have.
 *
 * Each has a record nevertheless, without a charge (HC_S_DIVERTED): so that no walk takes it
 * for a session that was missed.
 */
#ifndef HEADCOUNT_DIVERTED_H
#define HEADCOUNT_DIVERTED_H

#include "excess_maps.h"

static __noinline void diverted_note(__u64 id)
{
	__u64 now = bpf_ktime_get_ns();

	bpf_map_update_elem(&diverted, &id, &now, BPF_ANY);
}

/* Was the session that is being accepted redirected? `cookie` is what it was before `id` was
 * asked for: 0, and its request was none that was noted. */
static __always_inline bool diverted_take(__u64 id, __u64 cookie)
{
	const struct hc_control *policy = policy_control();

	if (!cookie || !policy || !policy->diverting || !bpf_map_lookup_elem(&diverted, &id))
		return false;
	bpf_map_delete_elem(&diverted, &id);
	return true;
}

#endif
