/* SPDX-License-Identifier: GPL-2.0-only */
/* Three users, two records: one is reclaimed while the other is found. */
#define RECORDS 2
#define CPUS    3
#define CAP     1
#define TIME    0
#define CONNECTS
#define FAILS
#define START \
	run cpu(0, OPEN + A, NOTHING); \
	run cpu(1, FAIL + B, NOTHING); \
	run cpu(2, LEAVE + C, NOTHING)
#include "state.pml"
#include "taken.pml"
#include "act.pml"
#include "arrival.pml"
#include "cpu.pml"
