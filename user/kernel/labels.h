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

/* The map of sessions by their ends, -1 if there is none. */
int labels_sockets(void);

#endif
