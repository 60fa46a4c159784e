/* SPDX-License-Identifier: GPL-2.0-only */
/* `headcount top`: what its parts share. The model is in model.h. */
#ifndef HEADCOUNT_TOP_H
#define HEADCOUNT_TOP_H

#include <signal.h>

#include "loss.h"
#include "user/base/user_name.h"
#include "user/sessions/view.h"
#include "user/top/model.h"

#define TOP_LINE 512

struct top {
	const char *service;  /* only this one's; NULL: all */
	unsigned int seconds; /* between two readings */

	/* As read last: read.c. */
	struct headcount_bpf *object; /* NULL: nothing runs */
	struct policy policy;
	int pid; /* of the run that is active, or 0 */
	bool pinned;
	size_t services;
	__u64 losses[HC_LOSS_COUNT];
	struct users_caps caps;
	struct top_users users;
	struct top_sessions sessions;
	struct top_rates rates;
	__u64 read_ns;          /* when, CLOCK_MONOTONIC */
	__u64 took_ns;          /* of the CPU, and what it took */
	char trouble[TOP_LINE]; /* why there is nothing newer, or "" */

	/* What the person at the keyboard is about: keys.c. */
	enum top_view {
		TOP_USERS,
		TOP_SESSIONS,
	} view;
	enum top_mode {
		TOP_BROWSING,
		TOP_TYPING, /* a filter */
		TOP_ASKING, /* whether to close sessions */
		TOP_HELP,
	} mode;
	bool paused;
	bool stale; /* what is shown is not what is wanted: read at once */
	char message[TOP_LINE];
	struct top_asked {
		__u64 *ids; /* these, or NULL: all of the user */
		size_t count;
		struct top_session first; /* of `ids` */
		struct hc_user_key user;
		char service[HC_NAME_MAX]; /* the user's, when it was asked */
	} asked;

	size_t height; /* rows of the list, as drawn last */
};

/* The list that is on the screen. */
static inline struct top_list *top_list(struct top *top)
{
	return top->view == TOP_USERS ? &top->users.list : &top->sessions.list;
}

/* Reads everything that is shown. On an error the last data stays; the error goes to
 * the log, and (if diverted to top_hear) to `trouble`. */
int top_read(struct top *top);
void top_hear(const char *line);
const char *top_heard(void); /* the last line */

/* Those that are to end it, and that of a new size, come only while we sleep with the mask
 * `asleep`, so that none falls between a look and the sleep. */
extern volatile sig_atomic_t top_stop_asked;
void top_catch_signals(sigset_t *asleep);

/* The terminal. top_terminal_open() prints its error. */
int top_terminal_open(void);
void top_terminal_close(void);
void top_screen_draw(struct top *top);

/* A key as get_wch() gives it (`special`: a KEY_). False: the person wants to leave. */
bool top_key(struct top *top, unsigned int key, bool special);

/* Asks whether to close the marked sessions, or the one at the cursor; or all of the user; if
 * there are any. And what the answer does: close.c. */
void top_ask_sessions(struct top *top);
void top_ask_user(struct top *top);
void top_close_asked(struct top *top);
void top_forget_asked(struct top *top);

/* The words of the orders, and how `?` explains the keys. */
extern const char *const top_users_orders[];
extern const char *const top_sessions_orders[];
extern const char *const top_help[];

#endif
