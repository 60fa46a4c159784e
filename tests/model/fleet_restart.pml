/* SPDX-License-Identifier: GPL-2.0-only */
/* A host is another process, or a machine that has started again. */
#define HOSTS      2
#define SERVERS    1
#define IDS        3
#define EPOCHS     1
#define CAP        1
#define MESSAGES_0 3
#define MESSAGES_1 3
#define FAULTS     0
#define LATE       0
#define EXPELS
#include "fleet.pml"
