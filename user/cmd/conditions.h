/* SPDX-License-Identifier: GPL-2.0-only */
/* Which sessions a command is about, by its options: those that `sessions` and `kill` share. */
#ifndef HEADCOUNT_SESSION_CONDITIONS_H
#define HEADCOUNT_SESSION_CONDITIONS_H

#include "user/cmd/command.h"
#include "user/sessions/list.h"

struct session_conditions {
	/* As they were given, or NULL. */
	const char *service, *idle, *unheard, *age, *remote, *states;
	struct command_values ids;
	bool orphan, stale;
	/* And as they are understood. */
	struct session_filter filter;
	__u64 *numbers; /* of `ids` */
};

#define SESSION_CONDITIONS(conditions)                                                         \
	OPTION_TEXT("service", 's', "SERVICE", "only this service's sessions",                 \
		    &(conditions)->service),                                                   \
		OPTION_TEXT("user", 'u', "USER", "only this user's sessions",                  \
			    &(conditions)->filter.user),                                       \
		OPTION_TEXT("idle", 'i', "DURATION",                                           \
			    "no data for this long: 90, 90s, 15m, 2h, 3d",                     \
			    &(conditions)->idle),                                              \
		OPTION_TEXT("unheard", 0, "DURATION",                                          \
			    "nothing at all from the peer for this long",                      \
			    &(conditions)->unheard),                                           \
		OPTION_TEXT("age", 'a', "DURATION", "at least this old", &(conditions)->age),  \
		OPTION_TEXT("remote", 'r', "ADDR[/LEN]", "peer's address or prefix",           \
			    &(conditions)->remote),                                            \
		OPTION_TEXT("state", 0, "STATE,...",                                           \
			    "in one of these states: ESTAB, CLOSE-WAIT, ...",                  \
			    &(conditions)->states),                                            \
		OPTION_FLAG("orphan", 0, "no process holds it any more",                       \
			    &(conditions)->orphan),                                            \
		OPTION_FLAG("stale", 0,                                                        \
			    "the peer is dead: it has left probes or data unanswered",         \
			    &(conditions)->stale),                                             \
		OPTION_LIST("id", 0, "N...", "session id; may be repeated",                    \
			    &(conditions)->ids)

/* Understands what needs no policy. Prints the error: bad usage. */
int session_conditions_parse(struct session_conditions *conditions, const char *command);

/* And the rest. */
int session_conditions_resolve(struct session_conditions *conditions,
			       const struct policy *policy, enum session_user means);

void session_conditions_free(struct session_conditions *conditions);

#endif
