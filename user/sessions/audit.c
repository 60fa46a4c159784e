// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "user/base/array.h"
#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/base/netns.h"
#include "user/kernel/state.h"
#include "user/kernel/walk.h"
#include "user/sessions/audit.h"
#include "charge.h"

#define BETWEEN_MS 200

/* Sorted lists of these are intersected. */
struct differences {
	struct audit_difference *items;
	size_t count;
	size_t checked;
	size_t unreachable;
};

/* One look at everything. */
struct look {
	struct walk_sockets sockets;
	struct state_session *sessions;
	struct state_user *users, *later; /* before and after the sessions were read */
	size_t session_count, user_count, later_count;
};

static int add_difference(struct differences *found, const struct audit_difference *difference)
{
	return array_append(&found->items, &found->count, difference, sizeof(*difference));
}

static int by_socket_id(const void *left, const void *right)
{
	const struct hc_socket *a = left, *b = right;

	return a->id < b->id ? -1 : a->id > b->id;
}

static int by_position(const void *left, const void *right)
{
	const struct state_session *a = left, *b = right;
	__u32 x = charge_position(a->session.charge), y = charge_position(b->session.charge);

	return x < y ? -1 : x > y;
}

/* Sockets without a record, records without a socket. */
static int check_sessions(struct look *look, struct differences *found)
{
	int error = 0;

	qsort(look->sockets.rows, look->sockets.count, sizeof(*look->sockets.rows),
	      by_socket_id);
	for (size_t i = 0; i < look->sockets.count && !error; i++) {
		const struct hc_socket *row = &look->sockets.rows[i];

		found->checked++;
		if (!row->tracked)
			error = add_difference(found,
					       &(struct audit_difference){.kind = AUDIT_MISSING,
									  .id = row->id});
	}
	for (size_t i = 0; i < look->session_count && !error; i++) {
		const struct state_session *session = &look->sessions[i];
		struct hc_socket key = {.id = session->id};

		if (session->session.flags & HC_S_CONNECTING ||
		    bsearch(&key, look->sockets.rows, look->sockets.count, sizeof(key),
			    by_socket_id))
			continue;
		if (!netns_listed(&look->sockets.netns, session->session.ends.netns))
			found->unreachable++;
		else
			error = add_difference(found, &(struct audit_difference){
							      .kind = AUDIT_STALE,
							      .id = session->id,
							      .user = session->session.user,
						      });
	}
	return error;
}

/* Did nothing happen to the user while the sessions were read? */
static bool quiet(const struct state_user *user, const struct look *look, size_t *at)
{
	const struct state_user *later;

	while (*at < look->later_count && look->later[*at].position < user->position)
		++*at;
	later = &look->later[*at];
	return *at < look->later_count && later->position == user->position &&
	       later->user.word == user->user.word &&
	       !memcmp(later->user.held, user->user.held, sizeof(user->user.held)) &&
	       later->user.last_ns == user->user.last_ns;
}

/* Each user's count against the records that are charged to it. */
static int check_users(struct look *look, struct differences *found)
{
	size_t at = 0, later = 0;
	int error = 0;

	qsort(look->sessions, look->session_count, sizeof(*look->sessions), by_position);
	for (size_t i = 0; i < look->user_count && !error; i++) {
		const struct state_user *user = &look->users[i];
		__u32 held = 0;

		/* Users come in the order of their positions. */
		while (at < look->session_count &&
		       charge_position(look->sessions[at].session.charge) < user->position)
			at++;
		for (; at < look->session_count &&
		       charge_position(look->sessions[at].session.charge) == user->position;
		     at++)
			held++;
		if (held != hc_user_active(&user->user) && quiet(user, look, &later))
			error = add_difference(
				found, &(struct audit_difference){
					       .kind = AUDIT_WRONG,
					       .id = user->position,
					       .change = held - hc_user_active(&user->user),
					       .word = user->user.word,
					       .user = user->user.key,
				       });
	}
	return error;
}

static int look_once(const struct headcount_bpf *object, struct differences *found)
{
	struct look look = {};
	int error;

	memset(found, 0, sizeof(*found));
	error = walk_all_sockets(object, &look.sockets);
	error = error ?: state_read_users(object, &look.users, &look.user_count);
	error = error
			?: state_read_sessions(object, NULL, NULL, &look.sessions,
					       &look.session_count);
	error = error ?: state_read_users(object, &look.later, &look.later_count);
	if (!error && (check_sessions(&look, found) || check_users(&look, found)))
		error = hc_error_errno(ENOMEM, "cannot audit");
	walk_free(&look.sockets);
	free(look.sessions);
	free(look.users);
	free(look.later);
	return error;
}

static int by_difference(const void *left, const void *right)
{
	const struct audit_difference *a = left, *b = right;

	if (a->kind != b->kind)
		return (int)a->kind - (int)b->kind;
	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	return a->change - b->change;
}

/* Keeps in `second` what `first` had too. */
static void intersect(struct differences *second, struct differences *first)
{
	size_t kept = 0;

	qsort(first->items, first->count, sizeof(*first->items), by_difference);
	for (size_t i = 0; i < second->count; i++)
		if (bsearch(&second->items[i], first->items, first->count,
			    sizeof(*first->items), by_difference))
			second->items[kept++] = second->items[i];
	second->count = kept;
}

/* Differences of one kind, by walk_repairs. What changed since is left alone; `*repaired`
 * grows by how many were not. */
static int repair_kind(const struct headcount_bpf *walker, const struct differences *found,
		       enum audit_kind kind, size_t *repaired)
{
	struct hc_repair *repairs = walker->bss->errand.repairs;
	size_t next = 0;
	__u32 count;
	int error = 0;

	do {
		for (count = 0; next < found->count && count < HC_REPAIRS_AT_ONCE; next++) {
			const struct audit_difference *difference = &found->items[next];

			if (difference->kind == kind)
				repairs[count++] = (struct hc_repair){
					.id = difference->id,
					.of_user = kind == AUDIT_WRONG,
					.word = difference->word,
					.change = difference->change,
				};
		}
		error = walk_repairs(walker, count);
		for (__u32 i = 0; i < count; i++)
			*repaired += repairs[i].done;
	} while (!error && next < found->count);
	return error;
}

/* The walk charges them, under their sockets' locks. */
static int repair_missing(const struct headcount_bpf *walker, const struct differences *found,
			  size_t *repaired)
{
	struct walk_sockets walked = {};
	int error = walk_all_sockets(walker, &walked) ?: walk_end_closed(walker, &walked);

	if (walked.count)
		qsort(walked.rows, walked.count, sizeof(*walked.rows), by_socket_id);
	for (size_t i = 0; i < found->count && !error; i++) {
		struct hc_socket key = {.id = found->items[i].id}, *row;

		if (found->items[i].kind != AUDIT_MISSING)
			continue;
		row = bsearch(&key, walked.rows, walked.count, sizeof(key), by_socket_id);
		*repaired += row && row->repaired;
	}
	walk_free(&walked);
	return error;
}

/* Users' counts first: what is done to a session changes its user. */
static int repair_all(const struct headcount_bpf *walker, const struct differences *found,
		      size_t *repaired)
{
	int error = repair_kind(walker, found, AUDIT_WRONG, repaired);

	error = error ?: repair_kind(walker, found, AUDIT_STALE, repaired);
	return error ?: repair_missing(walker, found, repaired);
}

/* Loaded before anything is looked at: what cannot repair is not to begin. */
static int load_repairer(const struct headcount_bpf *object, struct headcount_bpf **walker)
{
	struct load_request request = {
		.programs = LOAD_WALK_SOCKETS | LOAD_WALK_REPAIRS,
		.shared = object,
		.adopt = true,
		.correct = true,
	};

	return load_object(walker, &request);
}

int audit_run(const struct headcount_bpf *object, bool repair, struct audit *audit)
{
	struct differences first = {}, second = {};
	struct headcount_bpf *walker = NULL;
	int error = repair ? load_repairer(object, &walker) : 0;

	memset(audit, 0, sizeof(*audit));
	error = error ?: look_once(object, &first);
	if (!error && first.count) {
		clock_sleep_ms(BETWEEN_MS);
		error = look_once(object, &second);
		intersect(&second, &first);
	}
	audit->checked = first.checked;
	audit->unreachable = first.unreachable;
	for (size_t i = 0; i < second.count; i++) {
		audit->missing += second.items[i].kind == AUDIT_MISSING;
		audit->stale += second.items[i].kind == AUDIT_STALE;
		audit->wrong += second.items[i].kind == AUDIT_WRONG;
	}
	if (!error && repair && second.count)
		error = repair_all(walker, &second, &audit->repaired);
	headcount_bpf__destroy(walker);
	free(first.items);
	audit->differences = second.items;
	audit->count = second.count;
	return error;
}
