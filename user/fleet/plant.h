/* SPDX-License-Identifier: GPL-2.0-only */
/* Errors that tests/fleet plants, to see that it finds them. In the program there are none. */
#ifndef HEADCOUNT_FLEET_PLANT_H
#define HEADCOUNT_FLEET_PLANT_H

enum fleet_plant {
	FLEET_PLANT_LATE = 1 << 0,        /* an answer to a message that was given up is used */
	FLEET_PLANT_FROM_ANSWER = 1 << 1, /* a lease is counted from the answer */
	FLEET_PLANT_UNCONFIRMED = 1
				  << 2, /* answers that no replica has acknowledged are used */
	FLEET_PLANT_CARRY = 1 << 3,     /* who comes back late claims its units */
	FLEET_PLANT_LOWER =
		1 << 4, /* units are given back before the kernel has lowered them */
	FLEET_PLANT_EXPEL = 1 << 5,   /* a lease of others is not waited for */
	FLEET_PLANT_CHANGED = 1 << 6, /* replicas may come between message and answer */
	FLEET_PLANT_STORM = 1 << 7,   /* who is called for idle units asks again, too */
	FLEET_PLANT_THIEF = 1 << 8, /* a unit is called back before its client has come again */
};

#ifdef FLEET_PLANTS
extern unsigned int fleet_plants;
#define FLEET_PLANTED(error) (fleet_plants & FLEET_PLANT_##error)
#else
#define FLEET_PLANTED(error) 0
#endif

#endif
