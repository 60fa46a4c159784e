/* SPDX-License-Identifier: GPL-2.0-only */
/* Packets of two users, of whom one reclaims the other's record. */
#define RECORDS 1
#define CPUS    3
#define CAP     1
#define TIME    0
#define ARRIVALS
#define START \
	run cpu(0, SYN + A, NOTHING); \
	run cpu(1, STRAY + A, COOKIE + B); \
	run cpu(2, SYN + B, NOTHING)
#include "state.pml"
#include "users.pml"
#include "locked.pml"
#include "cpu.pml"
