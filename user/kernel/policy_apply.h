/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HEADCOUNT_POLICY_APPLY_H
#define HEADCOUNT_POLICY_APPLY_H

#include "user/base/netns.h"
#include "user/kernel/load.h"

/*
 * Writes `config` into the half that is not in force, with services keeping the
 * ids that their names have, and switches over in one step. On an error the old
 * policy goes on untouched. Prints the error, returns a negative errno.
 */
int policy_apply(const struct headcount_bpf *object, const struct config *config,
		 const struct netns_list *enforced);

#endif
