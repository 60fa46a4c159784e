/* SPDX-License-Identifier: GPL-2.0-only */
/* Two primaries, each with a host, and a replica that follows now this one, now that one. */
#define HOSTS      2
#define SERVERS    3
#define IDS        2
#define EPOCHS     3
#define CAP        1
#define MESSAGES_0 2
#define MESSAGES_1 4
#define FAULTS     2
#define LATE       0
#define APART
#include "fleet.pml"
