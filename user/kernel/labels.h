/* SPDX-License-Identifier: GPL-2.0-only */
/* The maps of labels, which are there since a service was by label (bpf/names.h,
 * bpf/label_index.h). One set of them at a time is in use by a process. */
#ifndef HEADCOUNT_LABELS_H
#define HEADCOUNT_LABELS_H

#include "user/kernel/load.h"

/* From now on labels are looked for in the maps of `object` (base/label.h), which stays open
 * until this is called with another one, or NULL. To open the maps that are there takes
 * CAP_SYS_ADMIN: without it, labels of users that are not told of are not known. */
void labels_use(const struct headcount_bpf *object);

/* Makes the maps, unless they are there. Of the object that is in use. Prints the error. */
int labels_make(const struct headcount_bpf *object);

/* Gives a session another label, or its first one, whoever calls; `object` was loaded with
 * LOAD_LABEL_SET. 0, or a negative errno: -EDQUOT over the cap, -ENOTCONN if there is no such
 * session any more, -ENOPROTOOPT if it is of no service by label, -EAGAIN if a reload moved it.
 */
int labels_give(const struct headcount_bpf *object, __u64 id, const struct hc_label *label);

/* The map of sessions by their ends, -1 if there is none. */
int labels_sockets(void);

#endif
