/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What `top` shows, apart from how: two lists, each sorted, filtered, and with a cursor
 * that follows the selected item; and rates. Reads nothing and draws nothing.
 */
#ifndef HEADCOUNT_TOP_MODEL_H
#define HEADCOUNT_TOP_MODEL_H

#include "user/kernel/policy_maps.h"
#include "user/kernel/state.h"
#include "user/sessions/list.h"

#define TOP_FILTER_MAX 64

/* What both lists have. `shown` are the places of the items in their array. */
struct top_list {
	__u32 *shown;
	size_t count;
	size_t cursor; /* place in `shown` */
	bool pinned;  /* the cursor goes where its item goes; else it is on the first, whichever
		       */
	size_t first; /* the first that is on the screen */
	unsigned int order;
	char filter[TOP_FILTER_MAX]; /* UTF-8, "": none */
};

/* A person moves the cursor. */
void top_list_move(struct top_list *list, long by);

/* The items have changed: the one that the cursor was on is now at `place`, or nowhere
 * (beyond the last), and then the cursor stays, on another. */
void top_list_follow(struct top_list *list, size_t place);

/* Moves the window so that the cursor is in its `height` rows. */
void top_list_scroll(struct top_list *list, size_t height);

enum top_users_order {
	TOP_BY_ACTIVE,
	TOP_BY_REFUSED,
	TOP_BY_OPENED,
	TOP_USERS_ORDERS,
};

/* Names are asked for only if a filter wants them, and kept while it does. */
struct top_name {
	struct hc_user_key key;
	char *text;
};

struct top_users {
	struct top_list list;
	struct state_user *items; /* every user as read, the cap in force in each */
	size_t count;
	__u64 active; /* of all users */
	size_t at_cap;
	struct hc_user_key selected;
	struct top_name *names; /* by position */
	size_t names_room;
};

/* Takes over freshly read users, which it frees. -ENOMEM leaves it without any. */
int top_users_take(struct top_users *users, const struct policy *policy,
		   struct state_user *items, size_t count);

/* After a change of filter or order. */
int top_users_arrange(struct top_users *users, const struct policy *policy);

/* The user at a place of the list, or NULL. */
const struct hc_user *top_users_at(const struct top_users *users, size_t place);
/* What the cursor is on now is what it stays on. */
void top_users_select(struct top_users *users);
void top_users_free(struct top_users *users);

enum top_sessions_order {
	TOP_BY_IDLE,
	TOP_BY_AGE,
	TOP_BY_BYTES,
	TOP_SESSIONS_ORDERS,
};

/* One session, copied out of what was read. */
struct top_session {
	__u64 id;
	struct hc_session session;
	struct hc_holder holder; /* the newest process that has it; pid 0: none is known */
	size_t holders;
	bool marked;
	bool has_socket; /* else the next are not known */
	bool orphan;
	bool heard;       /* ever, and how long ago */
	bool half_closed; /* and for how long */
	__u8 state;
	__u32 srtt_us, send_queue, unanswered;
	__u64 idle_ms, heard_ms, half_closed_ms, rx_bytes, tx_bytes;
};

struct top_sessions {
	struct top_list list;
	struct hc_user_key user; /* whose, in whatever namespace */
	struct top_session *items;
	size_t count, room;
	__u64 selected; /* id */
	__u64 *marked;  /* ids of those that a person has chosen */
	size_t marked_count;
	bool failed; /* memory was short */
};

/* Between begin and arrange the sessions of everybody are offered, to be kept if they
 * are the user's. */
void top_sessions_begin(struct top_sessions *sessions);
void top_sessions_offer(struct top_sessions *sessions, const struct session_row *row,
			const struct holders *holders);

int top_sessions_arrange(struct top_sessions *sessions);
const struct top_session *top_sessions_at(const struct top_sessions *sessions, size_t place);
void top_sessions_select(struct top_sessions *sessions);
/* Marks the session at the cursor, or no longer. */
void top_sessions_mark(struct top_sessions *sessions);
void top_sessions_free(struct top_sessions *sessions);

/* Who has it: "imapd/123", "imapd/123+2"; the listener where that is not known; "(orphan)".
 * `text` holds at least TOP_PROCESS bytes. */
#define TOP_PROCESS 64
char *top_process(const struct top_session *item, char *text);

/* What happened since headcount started, and how fast lately. */
struct top_counts {
	__u64 opened, closed, refused;
};

struct top_rates {
	struct top_counts last;
	__u64 last_ns; /* 0: there is no last */
	bool known;
	double opened, closed, refused; /* a second */
};

/* Counts that fell begin anew: there is no rate until the next. */
void top_rates_update(struct top_rates *rates, const struct top_counts *now, __u64 now_ns);

#endif
