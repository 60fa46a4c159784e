/* SPDX-License-Identifier: GPL-2.0-only */
/* A CPU handles the next packet, another user's, while its last one's slot is taken away. */
#define RECORDS 2
#define CPUS    3
#define CAP     1
#define TIME    0
#define CONNECTS
#define ARRIVALS
#define START \
	run cpu(0, STRAY + A, STRAY + B); \
	run cpu(1, SYN + A, NOTHING); \
	run cpu(2, OPEN + B, NOTHING)
#include "state.pml"
#include "users.pml"
#include "locked.pml"
#include "cpu.pml"
