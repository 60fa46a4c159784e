/* SPDX-License-Identifier: GPL-2.0-only */
/* Two audits correct one user, who is charged once too often. */
#define RECORDS 1
#define CPUS    1
#define CAP     2
#define TIME    0
#define CONNECTS
#define AUDITS
#define START \
	user[0].tag = A; user[0].key = A; user[0].tick = clock; user[0].word = 1; book[0].wrong = 1; \
	run audit(); \
	run audit(); \
	run cpu(0, OPEN + A, OPEN + B)
#include "state.pml"
#include "taken.pml"
#include "act.pml"
#include "arrival.pml"
#include "cpu.pml"
