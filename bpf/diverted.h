/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sessions that were redirected to another listener as they were over the cap (excess.h). They
 * are nobody's: charged to no user, counted and told as no session. Which they are the socket
 * itself says: it has the mark of the listener that accepted it, and ends where that does not
 * listen.
 *
 * Each has a record nevertheless, without a charge (HC_S_DIVERTED): so that no walk takes it
 * for a session that was missed.
 */
#ifndef HEADCOUNT_DIVERTED_H
#define HEADCOUNT_DIVERTED_H

#include "excess_maps.h"
#include "identify.h"

/* The mark of the listener that accepted it, if that is in `targets`; or NULL. */
static __always_inline const struct hc_target *mark_of(struct bpf_sock_ops *ctx,
						       const struct tcp_sock *tp)
{
	struct bpf_sock *sk = tp->inet_conn.icsk_inet.sk.sk_bpf_storage ? ctx->sk : NULL;

	return sk ? bpf_sk_storage_get(&target_marks, sk, NULL, 0) : NULL;
}

/* Has another listener accepted the session than one where it comes in, and one that its own
 * service leads to? What somebody else has sent there is a session as any other. */
static __always_inline bool was_redirected(const struct hc_ends *ends,
					   const struct hc_service *service,
					   const struct hc_target *mark)
{
	const __u64 *at = (const __u64 *)mark->address, *mine = (const __u64 *)ends->local;
	bool every = (!at[0] && !at[1]) ||
		     (address_is_ipv4(mark->address) && !*(const __u32 *)&mark->address[12]);

	if (mark->port && mark->port != service->redirect.port)
		return false;
	return mark->port != ends->local_port ||
	       (!every && (at[0] != mine[0] || at[1] != mine[1]));
}

#endif
