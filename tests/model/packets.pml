/* SPDX-License-Identifier: GPL-2.0-only */
/* Packets of one user at its cap: whose slot is taken away, by whom, and who is late. */
#define RECORDS 1
#define CPUS    2
#define CAP     1
#define TIME    0
#define ARRIVALS
#define START \
	run cpu(0, STRAY + A, STRAY + A); \
	run cpu(1, COOKIE + A, SYN + A)
#include "state.pml"
#include "taken.pml"
#include "act.pml"
#include "arrival.pml"
#include "cpu.pml"
