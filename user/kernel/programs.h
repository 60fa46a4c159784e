/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HEADCOUNT_PROGRAMS_H
#define HEADCOUNT_PROGRAMS_H

/* Which programs to load. */
enum load_programs {
	LOAD_TRACE = 1,   /* on_milestone, on_destroyed */
	LOAD_CONNECT = 2, /* on_connect4, on_connect6 */
	LOAD_ARRIVAL = 4, /* on_arrival, for one namespace */
	LOAD_WALK_SOCKETS = 8,
	LOAD_WALK_FILES = 16,
	LOAD_WALK_SESSIONS = 32,
	LOAD_WALK_USERS = 64,
	LOAD_WALK_REPAIRS = 128,
	LOAD_KILL = 256,    /* kill_mark, kill_tell */
	LOAD_RELEASE = 512, /* on_release */
	LOAD_RESENT = 1024, /* on_resent */
	LOAD_STATE = 2048,  /* on_state */
	LOAD_WALK_PROGRAMS = 4096,
	LOAD_LABEL = 1 << 13,     /* on_setsockopt, on_getsockopt */
	LOAD_LABEL_SET = 1 << 14, /* label_set */
	LOAD_WALK_TARGETS = 1 << 15,
	LOAD_SET_UNITS = 1 << 16,
	LOAD_NOTHING = 1u << 31, /* the maps alone */
};

#endif
