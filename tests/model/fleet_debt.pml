/* SPDX-License-Identifier: GPL-2.0-only */
/* More than one unit, and more than the cap. */
#define HOSTS      2
#define SERVERS    1
#define IDS        2
#define EPOCHS     1
#define CAP        2
#define MESSAGES_0 3
#define MESSAGES_1 3
#define FAULTS     0
#define LATE       0
#define EXPELS
#include "fleet.pml"
