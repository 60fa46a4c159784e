/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading the kernel through the iterators of bpf/walk.h, and running what is in bpf/tables.h.
 */
#ifndef HEADCOUNT_WALK_USER_H
#define HEADCOUNT_WALK_USER_H

#include "user/base/netns.h"
#include "user/kernel/load.h"
#include "record.h"

struct walk_sockets {
	struct hc_socket *rows; /* one a session's socket */
	size_t count;
	size_t room;
	struct netns_list netns; /* those that walk_all_sockets() went through */
};
void walk_free(struct walk_sockets *found);

/*
 * Walks the TCP sockets of one namespace, appending a row for each session.
 * `object` was loaded with LOAD_WALK_SOCKETS. Returns 0 or a negative errno.
 */
int walk_sockets(const struct headcount_bpf *object, const struct netns *netns,
		 struct walk_sockets *found);

/* The same for every namespace that can be found, or those that found->netns has already. */
int walk_all_sockets(const struct headcount_bpf *object, struct walk_sockets *found);

/*
 * After a walk that charges: ends the sessions of rows that are in CLOSE, which ended while
 * they were charged, if nobody else has. `object` has LOAD_WALK_REPAIRS, too. 0, or a negative
 * errno after the printed error.
 */
int walk_end_closed(const struct headcount_bpf *object, const struct walk_sockets *found);

/*
 * A later walk of `run`, over the sockets of the namespace in which `make` makes an iterator
 * from a link (a descriptor, or a negative errno after the printed error). With `wanted` it
 * appends the sessions of those users, and perhaps of others. With `unanswered` it appends the
 * sockets whose peer has left so many retransmissions and probes unanswered, on an object that
 * adopts nothing. Without both, it sets `keepalive`
 * where a session's service asks for another one than it has, and appends those that may have
 * been idle for `idle_ticks`; 0: none. Charges nothing. 0, or a negative errno after the
 * printed error.
 */
struct walk_wish {
	__u32 idle_ticks;
	const struct hc_wanted *wanted;
	__u32 unanswered;
};
int walk_sweep(const struct headcount_bpf *object, const struct walk_wish *wish,
	       int (*make)(void *context, int link), void *context, struct walk_sockets *found);

struct walk_holders {
	struct hc_holder *rows;
	size_t count;
	size_t room;
};

/* Who has which session, of all the host. `object` was loaded with LOAD_WALK_FILES and
 * `holders`. 0, or a negative errno after the printed error. */
int walk_holders(const struct headcount_bpf *object, struct walk_holders *found);

/*
 * Each goes once over all that is there; `object` has the program of that name loaded.
 * walk_users tells of refusals that were held back, with `flush` of the latest too;
 * walk_repairs does the first `count` rows of the errand's repairs. 0, or a negative errno
 * after the printed error.
 */
int walk_files(const struct headcount_bpf *object);

/* How many sockops programs are loaded that are no headcount's. The same. */
int walk_programs(const struct headcount_bpf *object, __u32 *strangers);
int walk_sessions(const struct headcount_bpf *object);
int walk_users(const struct headcount_bpf *object, bool flush);
int walk_repairs(const struct headcount_bpf *object, __u32 count);

/* Runs a program of the type of bpf/tables.h: what the last time returned, or a negative errno.
 */
int walk_run(const struct bpf_program *program, __u32 times);

/* Finds the listeners that excess = redirect leads to (bpf/targets.h). The same. */
int walk_targets(const struct headcount_bpf *object);

#endif
