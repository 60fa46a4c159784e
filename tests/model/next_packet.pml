/* SPDX-License-Identifier: GPL-2.0-only */
/* A CPU handles the next packet, another user's, while its last one's slot is taken away. */
#define RECORDS 2
#define CPUS    2
#define CAP     1
#define TIME    0
#define CONNECTS
#define ARRIVALS
#define START \
	run cpu(0, STRAY + A, STRAY + B); \
	run cpu(1, SYN + A, NOTHING)
#include "state.pml"
#include "taken.pml"
#include "act.pml"
#include "arrival.pml"
#include "cpu.pml"
