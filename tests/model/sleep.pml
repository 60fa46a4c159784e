/* SPDX-License-Identifier: GPL-2.0-only */
/* The ring goes round while a CPU sleeps: what it adds belongs to no tick, or to a later one. */
#define RECORDS 1
#define CPUS    2
#define CAP     1
#define TIME    5
#define CONNECTS
#define START \
	run cpu(0, OPEN + A, OPEN + A); \
	run cpu(1, LEAVE + B, NOTHING)
#include "state.pml"
#include "taken.pml"
#include "act.pml"
#include "arrival.pml"
#include "cpu.pml"
