/* SPDX-License-Identifier: GPL-2.0-only */
/* Sessions of services by label, found by their ends: in the index of bpf/label_index.h. */
#ifndef HEADCOUNT_BY_ENDS_H
#define HEADCOUNT_BY_ENDS_H

#include "user/kernel/load.h"

/* The namespace of that name or path (NULL: ours), as the index has it. Returns 0, or a
 * negative errno after the printed error. */
int by_ends_netns(const char *name, __u32 *cookie);

/* The ends of a TCP socket of ours. 0 or a negative errno. */
int by_ends_of(int fd, struct hc_label_socket *ends);

/* The one session with these ends; local_port 0 is any local end. If they are whole at once,
 * else by going through the index. Returns 0, or a negative errno after the printed error:
 * there is none, or there are several. `object` is in use (labels.h). */
int by_ends_find(const struct headcount_bpf *object, const struct hc_label_socket *ends,
		 __u64 *id);

#endif
