/* SPDX-License-Identifier: GPL-2.0-only */
/* A handshake takes long: its reservation is renewed, beside one whose tick nobody knows. */
#define RECORDS 1
#define CPUS    2
#define CAP     2
#define TIME    2
#define CONNECTS
#define WAITS
#define ARRIVALS
#define START \
	run cpu(0, WAIT + A, NOTHING); \
	run cpu(1, SYN + A, NOTHING)
#include "state.pml"
#include "taken.pml"
#include "act.pml"
#include "arrival.pml"
#include "cpu.pml"
