/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's sock_diag: asking for one TCP socket, and closing it. The socket is named by its
 * addresses, ports and cookie, so that another one which has come to the same ports is not
 * meant.
 */
#ifndef HEADCOUNT_DIAG_H
#define HEADCOUNT_DIAG_H

#include "record.h"

struct diag;

/* For the network namespace that we are in now, wherever we are later. NULL and errno. */
struct diag *diag_open(void);
/* The same by a netlink socket that was opened there; takes it over, or closes it. */
struct diag *diag_open_by(int netlink);
void diag_close(struct diag *diag);

/* Resets the session. 0 or a negative errno; -ENOENT: there is no such socket. */
int diag_destroy(struct diag *diag, const struct hc_socket *socket);

/* Does this kernel close sockets? None has these ports. 0 or a negative errno. */
int diag_try_destroy(void);

/* The inode of the socket as its process sees it, 0 if none has it. 0 or a negative errno. */
int diag_inode(struct diag *diag, const struct hc_socket *socket, __u32 *inode);

/* What getsockopt(TCP_INFO) would tell of the socket now. 0 or a negative errno. */
struct tcp_info;
int diag_info(struct diag *diag, const struct hc_socket *socket, struct tcp_info *info);

#endif
