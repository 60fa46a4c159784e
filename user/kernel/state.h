/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading the user table and the session table in bulk. */
#ifndef HEADCOUNT_STATE_H
#define HEADCOUNT_STATE_H

#include "user/kernel/load.h"
#include "record.h"

struct state_user {
	__u32 position; /* in the table, as in a charge */
	struct hc_user user;
};

struct state_session {
	__u64 id;
	struct hc_session session;
};

/* Every user record in use. `*users` is the caller's to free. Prints errors. */
int state_read_users(const struct headcount_bpf *object, struct state_user **users,
		     size_t *count);

typedef bool state_wanted(void *context, const struct hc_session *session);

/* Every session record, or (`wanted` is not NULL) those that it says true of.
 * `*sessions` is the caller's to free. Prints errors. */
int state_read_sessions(const struct headcount_bpf *object, state_wanted *wanted, void *context,
			struct state_session **sessions, size_t *count);

/* One session's record; false: there is none. */
bool state_read_session(const struct headcount_bpf *object, __u64 id,
			struct hc_session *session);

/* One user's record; false: there is none. */
bool state_read_user(const struct headcount_bpf *object, const struct hc_control *control,
		     const struct hc_user_key *key, struct hc_user *user);

/* Is the user worth a row: sessions now, or some in the last minutes? */
bool state_user_shown(const struct hc_user *user);

#endif
