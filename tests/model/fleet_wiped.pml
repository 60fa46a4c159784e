/* SPDX-License-Identifier: GPL-2.0-only */
/* The server forgets all. */
#define HOSTS      2
#define SERVERS    1
#define IDS        2
#define EPOCHS     2
#define CAP        1
#define MESSAGES_0 3
#define MESSAGES_1 4
#define FAULTS     1
#define LATE       0
#include "fleet.pml"
