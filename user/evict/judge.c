// SPDX-License-Identifier: GPL-2.0-only
#include <netinet/tcp.h>
#include <stdlib.h>

#include "user/base/ticks.h"
#include "user/evict/judge.h"
#include "user/sessions/stale.h"

enum hc_evidence evict_judge(const struct hc_socket *socket, const struct evict_terms *terms)
{
	const struct hc_session *session = &socket->session;

	if (!socket->tracked || socket->mptcp || socket->orphan || session->user.elsewhere ||
	    session->flags & HC_S_REFUSED || socket->state == TCP_SYN_SENT ||
	    socket->state == TCP_SYN_RECV)
		return HC_EVIDENCE_NONE;
	if (session_stale(socket))
		return HC_EVIDENCE_DEAD;
	return !terms->spared && ticks_idle_ms(&socket->idle) >= terms->idle_ms
		       ? HC_EVIDENCE_IDLE
		       : HC_EVIDENCE_NONE;
}

#define ROUND_MS 20 /* that two readings of one time differ by: 2 ticks, with 100 a second */

bool evict_confirm(const struct evict_choice *choice, const struct tcp_info *info)
{
	__u64 ms = info->tcpi_last_data_recv;

	if (choice->evidence == HC_EVIDENCE_DEAD)
		return info->tcpi_retransmits + info->tcpi_probes >= STALE_UNANSWERED;
	/* Its time of sending moves with retransmissions (bpf/peer.h). */
	if (!info->tcpi_retransmits && !info->tcpi_retrans && ms > info->tcpi_last_data_sent)
		ms = info->tcpi_last_data_sent;
	return ms + ROUND_MS >= choice->ms;
}

static int by_staleness(const void *left, const void *right)
{
	const struct evict_choice *a = left, *b = right;

	if (a->of != b->of)
		return a->of < b->of ? -1 : 1;
	if (a->evidence != b->evidence)
		return a->evidence < b->evidence ? -1 : 1;
	if (a->ms != b->ms)
		return a->ms > b->ms ? -1 : 1;
	return a->socket->id < b->socket->id ? -1 : a->socket->id > b->socket->id;
}

void evict_sort(struct evict_choice *choices, size_t count)
{
	if (count)
		qsort(choices, count, sizeof(*choices), by_staleness);
}
