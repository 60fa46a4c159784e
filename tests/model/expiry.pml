/* SPDX-License-Identifier: GPL-2.0-only */
/* Reservations expire, of which one is never asked for again, and a stranger waits for the record. */
#define RECORDS 1
#define CPUS    2
#define CAP     1
#define TIME    2
#define CONNECTS
#define START \
	run cpu(0, OPEN + A, NOTHING); \
	run cpu(1, LEAVE + A, OPEN + B)
#include "state.pml"
#include "taken.pml"
#include "act.pml"
#include "arrival.pml"
#include "cpu.pml"
