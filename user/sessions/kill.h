/* SPDX-License-Identifier: GPL-2.0-only */
/* Closes sessions at an administrator's request. */
#ifndef HEADCOUNT_KILL_H
#define HEADCOUNT_KILL_H

#include "user/sessions/list.h"

/* Why a session could not be closed. */
enum kill_failure {
	KILL_UNSUPPORTED, /* the kernel cannot close sockets of others */
	KILL_UNFOUND,     /* nor does it know of the socket, which is there */
	KILL_FORBIDDEN,
	KILL_UNREACHABLE, /* its namespace cannot be entered */
	KILL_KEPT,        /* the kernel said yes, and the socket is still there */
	KILL_OTHER,
	KILL_FAILURES,
};

struct kill_result {
	size_t matched;
	size_t closed;
	size_t gone;   /* ended by themselves before we came to them */
	size_t failed; /* the sum of: */
	size_t failures[KILL_FAILURES];
	/* Those that were closed, as they were before: rows of the list. To be freed. */
	struct session_row *rows;
};

/*
 * Closes every session of the list, in whatever namespace it is, and has each told as
 * session-killed. `object` was loaded with LOAD_WALK_SOCKETS | LOAD_KILL. Prints nothing about
 * single sessions; an error that stops everything is printed, and returned as a negative errno.
 */
int kill_sessions(const struct headcount_bpf *object, const struct session_list *list,
		  struct kill_result *result);

/* "the kernel cannot ...", for a person. */
const char *kill_failure_text(enum kill_failure failure);

#endif
