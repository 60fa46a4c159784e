/* SPDX-License-Identifier: GPL-2.0-only */
/* A user that has nothing but reservations makes room for another. */
#define RECORDS 1
#define CPUS    3
#define CAP     1
#define TIME    0
#define CONNECTS
#define START \
	run cpu(0, OPEN + A, NOTHING); \
	run cpu(1, OPEN + A, NOTHING); \
	run cpu(2, LEAVE + B, NOTHING)
#include "state.pml"
#include "taken.pml"
#include "act.pml"
#include "arrival.pml"
#include "cpu.pml"
