/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HEADCOUNT_PROGRAMS_H
#define HEADCOUNT_PROGRAMS_H

/* Which programs to load. */
enum load_programs {
	LOAD_TRACE = 1,   /* on_state, on_milestone */
	LOAD_CONNECT = 2, /* on_connect4, on_connect6, on_release, on_resent */
	LOAD_ARRIVAL = 4, /* on_arrival, for one namespace */
	LOAD_WALK_SOCKETS = 8,
	LOAD_WALK_FILES = 16,
	LOAD_WALK_SESSIONS = 32,
	LOAD_WALK_USERS = 64,
	LOAD_WALK_REPAIRS = 128,
	LOAD_KILL = 256,         /* kill_mark, kill_tell */
	LOAD_NOTHING = 1u << 31, /* the maps alone */
};

#endif
