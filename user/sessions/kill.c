// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/kernel/diag.h"
#include "user/kernel/policy_caps.h"
#include "user/kernel/walk.h"
#include "user/sessions/kill.h"
#include "user/sessions/mptcp.h"

#define MOMENT_MS 20 /* in which another CPU has finished what it is about */

/* One that the kernel still has, though we are through with it. */
struct left {
	const struct session_row *row;
	int error;
};

struct killing {
	const struct headcount_bpf *object;
	struct kill_result *result;
	const struct session_list *list;
	__u32 netns; /* the one that we are in, */
	struct diag *diag;
	struct mptcp *holders;
	__u32 asker;
	struct left *left;
	size_t left_count;
};

const char *kill_failure_text(enum kill_failure failure)
{
	static const char *const texts[] = {
		[KILL_UNSUPPORTED] =
			"the kernel closes no sockets: it lacks CONFIG_INET_DIAG_DESTROY",
		[KILL_UNFOUND] = "the kernel does not find the socket (is tcp_diag missing?)",
		[KILL_FORBIDDEN] = "not permitted",
		[KILL_UNREACHABLE] = "in a network namespace that cannot be entered",
		[KILL_KEPT] = "the kernel keeps a socket that its process has closed",
		[KILL_OTHER] = "the kernel refused",
	};

	return texts[failure];
}

static enum kill_failure failure_of(int error)
{
	switch (error) {
	case 0:
		return KILL_KEPT;
	case -EOPNOTSUPP:
		return KILL_UNSUPPORTED;
	case -ENOENT:
		return KILL_UNFOUND;
	case -EPERM:
	case -EACCES:
		return KILL_FORBIDDEN;
	default:
		return KILL_OTHER;
	}
}

/* Runs kill_mark or kill_tell on the session. What it returned, or a negative errno. */
static int note(const struct killing *killing, const struct bpf_program *program,
		const struct session_row *row, bool closed)
{
	killing->object->bss->errand.kill = (struct hc_kill){
		.id = row->id,
		.asker = killing->asker,
		.newcomer_port = policy_asker_host(),
		.closed = closed,
		.session = *row->session,
	};
	return walk_run(program, 1);
}

static bool mark_row(const struct killing *killing, const struct session_row *row)
{
	return note(killing, killing->object->progs.kill_mark, row, false) > 0;
}

static bool is_here(const struct killing *killing, const struct session_row *row)
{
	return row->socket && row->session->ends.netns == killing->netns;
}

static int close_row(struct killing *killing, const struct session_row *row)
{
	/* It ended since it was listed: the kernel would close its TIME_WAIT, or look for a
	 * listener in its place, and for that ask the gate. */
	if (!mark_row(killing, row))
		return -ENOENT;
	if (row->socket->mptcp && !mptcp_end(&killing->holders, killing->diag, row->socket))
		return 0;
	/* Of an MPTCP connection that no process has, the subflow is what there is. */
	return diag_destroy(killing->diag, row->socket);
}

/* Counts the session by what came of it. False: the kernel still has it. */
static bool settle(struct killing *killing, const struct session_row *row, int error)
{
	int gone = note(killing, killing->object->progs.kill_tell, row, !error);

	if (gone > 0 && !error)
		killing->result->rows[killing->result->closed++] = *row;
	else if (gone > 0)
		killing->result->gone++;
	return gone > 0;
}

static void close_rows(struct killing *killing)
{
	const struct session_list *list = killing->list;

	/* An MPTCP connection ends with all its subflows, whichever comes first. */
	for (size_t i = 0; i < list->count; i++)
		if (is_here(killing, &list->rows[i]) && list->rows[i].socket->mptcp)
			mark_row(killing, &list->rows[i]);
	for (size_t i = 0; i < list->count; i++) {
		const struct session_row *row = &list->rows[i];
		int error;

		if (!is_here(killing, row))
			continue;
		error = close_row(killing, row);
		if (!settle(killing, row, error))
			killing->left[killing->left_count++] = (struct left){row, error};
	}
}

/* No signal comes between: a mark that stays would be told at the session's own end. */
static int kill_inside(void *context)
{
	struct killing *killing = context;
	sigset_t all, before;

	killing->diag = diag_open();
	if (!killing->diag)
		return hc_error_errno(errno, "cannot ask the kernel to close sockets");
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	close_rows(killing);
	sigprocmask(SIG_SETMASK, &before, NULL);
	diag_close(killing->diag);
	return 0;
}

static bool any_inside(const struct session_list *list, __u32 netns)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->rows[i].socket && list->rows[i].session->ends.netns == netns)
			return true;
	return false;
}

/* Those that are still there may have been on their way. */
static void look_again(struct killing *killing)
{
	struct kill_result *result = killing->result;

	if (killing->left_count)
		clock_sleep_ms(MOMENT_MS);
	for (size_t i = 0; i < killing->left_count; i++) {
		const struct left *left = &killing->left[i];

		if (!settle(killing, left->row, left->error))
			result->failures[failure_of(left->error)]++;
	}
	for (size_t i = 0; i < killing->list->count; i++)
		result->failures[KILL_UNREACHABLE] += !killing->list->rows[i].socket;
	for (int failure = 0; failure < KILL_FAILURES; failure++)
		result->failed += result->failures[failure];
}

int kill_sessions(const struct headcount_bpf *object, const struct session_list *list,
		  struct kill_result *result)
{
	const struct netns_list *netns = &list->found.netns;
	struct killing killing = {object, result, list, .asker = policy_asker()};
	int error = 0;

	*result = (struct kill_result){
		.matched = list->count,
		.rows = calloc(list->count + 1, sizeof(*result->rows)),
	};
	killing.left = calloc(list->count + 1, sizeof(*killing.left));
	if (!killing.left || !result->rows)
		error = hc_error_errno(ENOMEM, "cannot close the sessions");
	for (size_t i = 0; i < netns->count && !error; i++) {
		killing.netns = netns->items[i].inode;
		if (any_inside(list, killing.netns))
			error = netns_inside(&netns->items[i], kill_inside, &killing);
	}
	if (!error)
		look_again(&killing);
	mptcp_free(killing.holders);
	free(killing.left);
	return error;
}
