/* SPDX-License-Identifier: GPL-2.0-only */
/* The hosts that have asked this one for something, by a number that goes through the kernel
 * part and its event; and what came of that. Any thread may call these. */
#ifndef HEADCOUNT_FLEET_ASKERS_H
#define HEADCOUNT_FLEET_ASKERS_H

#include <linux/types.h>

#include "fleet_status.h"
#include "user/base/host_name.h"
#include "user/config/config.h"

#define ASKERS_MAX 256

/* The number of a host of this name, from 1; of ASKERS_MAX others in turn, its number becomes
 * another's. */
__u16 askers_number(const char *host);

/* Whose number it is, or "". Returns `host`. */
char *askers_name(__u16 number, char host[HOST_NAME_ROOM]);

/* One more of these; and how many there have been. */
void askers_count(enum hc_fleet_asked result);
__u64 askers_counted(enum hc_fleet_asked result);

#endif
