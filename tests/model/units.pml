/* SPDX-License-Identifier: GPL-2.0-only */
/* The units of a user of the fleet are lowered while slots are taken. */
#define RECORDS 1
#define CPUS    3
#define CAP     2
#define TIME    0
#define CONNECTS
#define UNITS
#define START \
	user[0].tag = A; user[0].key = A; user[0].tick = clock; user[0].units = CAP; \
	run cpu(0, LEAVE + A, NOTHING); \
	run cpu(1, LEAVE + A, NOTHING); \
	run cpu(2, OPEN + A, NOTHING); \
	run daemon()
#include "state.pml"
#include "taken.pml"
#include "act.pml"
#include "arrival.pml"
#include "cpu.pml"
