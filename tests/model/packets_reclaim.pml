/* SPDX-License-Identifier: GPL-2.0-only */
/* Packets of two users, of whom one reclaims the other's record. */
#define RECORDS 1
#define CPUS    2
#define CAP     1
#define TIME    0
#define ARRIVALS
#define START \
	run cpu(0, SYN + A, NOTHING); \
	run cpu(1, STRAY + A, COOKIE + B)
#include "state.pml"
#include "taken.pml"
#include "act.pml"
#include "arrival.pml"
#include "cpu.pml"
