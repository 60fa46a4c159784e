/* SPDX-License-Identifier: GPL-2.0-only */
/* A flood of SYNs, and sessions from before headcount, which ask no cap. */
#define RECORDS 1
#define CPUS    3
#define CAP     1
#define TIME    1
#define CONNECTS
#define ARRIVALS
#define WALKS
#define START \
	run cpu(0, OPEN + A, NOTHING); \
	run cpu(1, WALK + A, NOTHING); \
	run cpu(2, FORGED + B, NOTHING)
#include "state.pml"
#include "taken.pml"
#include "act.pml"
#include "arrival.pml"
#include "cpu.pml"
