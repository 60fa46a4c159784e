/* SPDX-License-Identifier: GPL-2.0-only */
/* A message arrives when its host has given it up. */
#define HOSTS      2
#define SERVERS    1
#define IDS        2
#define EPOCHS     1
#define CAP        1
#define MESSAGES_0 3
#define MESSAGES_1 4
#define FAULTS     0
#define LATE       1
#include "fleet.pml"
