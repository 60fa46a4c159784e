/* SPDX-License-Identifier: GPL-2.0-only */
/* Packets of one user at its cap: whose slot is taken away, by whom, and who is late. */
#define RECORDS 1
#define CPUS    3
#define CAP     1
#define TIME    0
#define ARRIVALS
#define START \
	run cpu(0, STRAY + A, STRAY + A); \
	run cpu(1, COOKIE + A, NOTHING); \
	run cpu(2, SYN + A, NOTHING)
#include "state.pml"
#include "users.pml"
#include "locked.pml"
#include "cpu.pml"
