// SPDX-License-Identifier: GPL-2.0-only
#include <netinet/tcp.h>

#include "user/base/ticks.h"
#include "user/sessions/stale.h"

bool session_stale(const struct hc_socket *socket)
{
	const struct hc_peer *peer = &socket->peer;

	if (socket->mptcp || socket->state == TCP_SYN_SENT || socket->state == TCP_SYN_RECV)
		return false;
	return peer->unanswered >= STALE_UNANSWERED && peer->heard_ticks != HC_NEVER &&
	       ticks_to_ms(peer->heard_ticks) >= STALE_MS &&
	       ticks_idle_ms(&socket->idle) >= STALE_MS;
}
