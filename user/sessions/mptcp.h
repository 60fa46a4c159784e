/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ending an MPTCP connection. Its subflows are TCP sessions; were only these reset, the
 * connection would outlive them for a minute (net.mptcp.close_timeout), for another subflow to
 * come, and neither side's program would know. The kernel offers no SOCK_DESTROY for the
 * connection itself, but whoever has its file descriptor can disconnect it, which resets it for
 * both sides.
 */
#ifndef HEADCOUNT_MPTCP_H
#define HEADCOUNT_MPTCP_H

#include "user/kernel/diag.h"

struct mptcp; /* which process holds which socket */

void mptcp_free(struct mptcp *holders);

/*
 * Ends the connection that this subflow belongs to. `*holders`, at first NULL, is kept from
 * one call to the next. 0 or a negative errno; -ESRCH: no process has the socket.
 */
int mptcp_end(struct mptcp **holders, struct diag *diag, const struct hc_socket *subflow);

#endif
