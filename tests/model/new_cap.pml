/* SPDX-License-Identifier: GPL-2.0-only */
/* The cap is lowered while slots are taken. */
#define RECORDS 1
#define CPUS    3
#define CAP     2
#define TIME    0
#define CONNECTS
#define POLICY
#define START \
	user[0].tag = A; user[0].key = A; user[0].tick = clock; \
	run cpu(0, LEAVE + A, NOTHING); \
	run cpu(1, LEAVE + A, NOTHING); \
	run cpu(2, LEAVE + A, NOTHING); \
	run policy()
#include "state.pml"
#include "taken.pml"
#include "act.pml"
#include "arrival.pml"
#include "cpu.pml"
