/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Closes the sessions that the kernel part refused too late: they had passed the gate, and came
 * over the cap when their reservation had been forgotten (HC_S_REFUSED). A thread of its own
 * reads of them, so that no reader of the events can keep them open, and asks the kernel's
 * sock_diag, by a socket for each namespace that was opened inside of it.
 */
#ifndef HEADCOUNT_CLOSER_H
#define HEADCOUNT_CLOSER_H

#include "user/base/netns.h"
#include "user/kernel/diag.h"
#include "user/kernel/load.h"

struct closer;
struct tcp_info;

/* For these namespaces, and the maps of `object`; `*closer` is the caller's. While we may enter
 * namespaces. Returns 0, or a negative errno after the printed error. */
int closer_new(struct closer **closer, const struct headcount_bpf *object,
	       const struct netns_list *list);

/* Another namespace, by its inode, which a reload adds; `diag` is its own from now on, whatever
 * happens. Returns 0 or -ENOMEM. And one that it takes away, if it is there. */
int closer_add(struct closer *closer, unsigned int netns, struct diag *diag);
void closer_drop(struct closer *closer, unsigned int netns);

/* Closes those that nobody was there to close, and starts the thread, which has the
 * capabilities that we have now. */
int closer_start(struct closer *closer);

/* Closes one session, at once: 0, or a negative errno, -ENOENT also where caps do not hold any
 * more. Of `socket` id, ends and device count. And what the kernel tells of it now. */
int closer_close(struct closer *closer, const struct hc_socket *socket);
int closer_ask(struct closer *closer, const struct hc_socket *socket, struct tcp_info *info);

/* The same as `kill` does it, told as `kill` says; who asks is set here. 1, or 0 if it has
 * ended by itself, or a negative errno, -EBUSY if the kernel keeps it or does not find it.
 * `walker` has kill_mark and kill_tell, and nobody else uses it now. */
int closer_kill(struct closer *closer, const struct headcount_bpf *walker,
		const struct hc_kill *kill, __u32 device);

/* Ends the thread; takes NULL. */
void closer_free(struct closer *closer);

#endif
