/* SPDX-License-Identifier: GPL-2.0-only */
/* One whose reservation was forgotten finishes before one whose reservation was renewed. */
#define RECORDS 1
#define CPUS    2
#define CAP     1
#define TIME    2
#define CONNECTS
#define WAITS
#define ACCEPTS
#define START \
	run cpu(0, WAIT + A, NOTHING); \
	run cpu(1, ACCEPT + A, NOTHING)
#include "state.pml"
#include "taken.pml"
#include "act.pml"
#include "arrival.pml"
#include "cpu.pml"
