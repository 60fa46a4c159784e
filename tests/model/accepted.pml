/* SPDX-License-Identifier: GPL-2.0-only */
/* Sessions whose handshakes began before the gate was there take over what others hold. */
#define RECORDS 1
#define CPUS    3
#define CAP     2
#define TIME    0
#define CONNECTS
#define ACCEPTS
#define START \
	run cpu(0, OPEN + A, NOTHING); \
	run cpu(1, ACCEPT + A, NOTHING); \
	run cpu(2, ACCEPT + A, NOTHING)
#include "state.pml"
#include "taken.pml"
#include "act.pml"
#include "arrival.pml"
#include "cpu.pml"
