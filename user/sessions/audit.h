/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counts against the kernel's socket table, on a host that goes on working: a
 * difference counts only if it is there twice, a moment apart.
 */
#ifndef HEADCOUNT_AUDIT_H
#define HEADCOUNT_AUDIT_H

#include "user/kernel/load.h"

/* One difference: a session's id, or of a user its position. */
struct audit_difference {
	enum audit_kind {
		AUDIT_MISSING,
		AUDIT_STALE,
		AUDIT_WRONG,
	} kind;
	__s32 change; /* AUDIT_WRONG: what the user's count lacks */
	__u64 id;
	__u64 word;              /* AUDIT_WRONG: the user's, as it was read */
	struct hc_user_key user; /* not of AUDIT_MISSING, which nobody is charged for */
};

struct audit {
	size_t checked;     /* sessions that were looked at */
	size_t missing;     /* sockets without a session record */
	size_t stale;       /* session records without a socket */
	size_t wrong;       /* users whose count is not the number of their sessions */
	size_t repaired;    /* of these; the others had changed by then */
	size_t unreachable; /* sessions in namespaces that cannot be entered */
	struct audit_difference *differences; /* freed by the caller */
	size_t count;
};

/* `object` has LOAD_WALK_SOCKETS. Prints errors, returns 0 or a negative errno. */
int audit_run(const struct headcount_bpf *object, bool repair, struct audit *audit);

#endif
