/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Evidence that a session's peer is dead, and not only quiet: it was asked and did not answer.
 *
 * Three retransmissions or probes in a row, since nothing at all came from it. One or two are
 * an everyday loss. And not within ten seconds, neither since it was heard nor since what it
 * has not acknowledged was sent (which is what idle counts from while a retransmission is
 * unanswered): a first retransmission comes after 200 ms, the third after 1.4 s, and so long a
 * handover between two wireless networks may take. Of probes TCP_KEEPINTVL is at least a
 * second.
 *
 * No evidence is a handshake (nobody was there yet), or a peer whose window is closed (it
 * answers each probe), or a subflow of an MPTCP connection, which may live on by another.
 */
#ifndef HEADCOUNT_STALE_H
#define HEADCOUNT_STALE_H

#include <stdbool.h>

#include "record.h"

#define STALE_UNANSWERED 3
#define STALE_MS         10000

bool session_stale(const struct hc_socket *socket);

#endif
