/* SPDX-License-Identifier: GPL-2.0-only */
/* A handshake takes long: its reservation is renewed, beside one whose tick nobody knows. */
#define RECORDS 1
#define CPUS    3
#define CAP     2
#define TIME    2
#define CONNECTS
#define WAITS
#define ARRIVALS
#define START \
	run cpu(0, WAIT + A, NOTHING); \
	run cpu(1, SYN + A, NOTHING); \
	run cpu(2, NOTHING, NOTHING)
#include "state.pml"
#include "users.pml"
#include "locked.pml"
#include "cpu.pml"
