/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a host claims of a user with cold = admit, of whom it has more slots taken than units.
 * The store is to know of every session, but for those that were let in until its answer and
 * are on the list of what is closed if it has none: claimed, each would be a unit beyond the
 * cap. Nothing else is left out, whoever knocks meanwhile: sessions that a daemon before us or
 * a host that was alone had let in are on no such list. Handshakes are asked for as they end.
 */
#ifndef HEADCOUNT_FLEET_CLAIM_H
#define HEADCOUNT_FLEET_CLAIM_H

#include "user/daemon/fleet_part.h"

/* `taken` slots are more than the units of the user at `index`. */
__u32 fleet_claim(const struct shard *shard, __u32 index, __u32 taken);

#endif
