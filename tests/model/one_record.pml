/* SPDX-License-Identifier: GPL-2.0-only */
/* Two users compete for one record: it is reserved, charged, released, given back and reclaimed. */
#define RECORDS 1
#define CPUS    3
#define CAP     1
#define TIME    0
#define CONNECTS
#define FAILS
#define START \
	run cpu(0, OPEN + A, NOTHING); \
	run cpu(1, OPEN + B, NOTHING); \
	run cpu(2, FAIL + A, NOTHING)
#include "state.pml"
#include "taken.pml"
#include "act.pml"
#include "arrival.pml"
#include "cpu.pml"
