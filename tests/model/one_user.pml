/* SPDX-License-Identifier: GPL-2.0-only */
/* One user, a cap of two: two CPUs take from one bucket, while time goes on. */
#define RECORDS 1
#define CPUS    3
#define CAP     3
#define TIME    0
#define CONNECTS
#define FAILS
#define START \
	run cpu(0, OPEN + A, NOTHING); \
	run cpu(1, OPEN + A, NOTHING); \
	run cpu(2, OPEN + A, NOTHING)
#include "state.pml"
#include "taken.pml"
#include "act.pml"
#include "arrival.pml"
#include "cpu.pml"
