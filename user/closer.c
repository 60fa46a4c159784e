// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "closer.h"
#include "diag.h"
#include "log.h"
#include "privileges.h"
#include "state.h"

struct entry {
	__u32 netns;
	struct diag *diag;
};

struct closer {
	bool complained; /* once: there may be many */
	size_t count;
	struct entry entries[];
};

static int open_diag(void *context)
{
	struct diag **diag = context;

	*diag = diag_open();
	return *diag ? 0 : hc_error_errno(errno, "cannot ask the kernel to close sockets");
}

struct closer *closer_new(const struct netns_list *list)
{
	struct closer *closer =
		calloc(1, sizeof(*closer) + list->count * sizeof(closer->entries[0]));
	int error = closer ? 0 : hc_error_errno(ENOMEM, "cannot close sessions");

	for (size_t i = 0; i < list->count && !error; i++) {
		error = netns_inside(&list->items[i], open_diag, &closer->entries[i].diag);
		closer->entries[i].netns = list->items[i].inode;
		closer->count = i + 1;
	}
	if (!error)
		return closer;
	closer_free(closer);
	return NULL;
}

void closer_free(struct closer *closer)
{
	for (size_t i = 0; closer && i < closer->count; i++)
		diag_close(closer->entries[i].diag);
	free(closer);
}

static void close_one(struct closer *closer, __u64 id, const struct hc_ends *ends)
{
	struct hc_socket socket = {.id = id, .session.ends = *ends};
	int error =
		-EACCES; /* a namespace that a reload has added: we may not enter it any more */

	for (size_t i = 0; i < closer->count; i++)
		if (closer->entries[i].netns == ends->netns)
			error = diag_destroy(closer->entries[i].diag, &socket);
	if (!error || error == -ENOENT || closer->complained) /* or it has ended by itself */
		return;
	closer->complained = true;
	hc_error_errno(error, "cannot close sessions that came late and are over their cap%s",
		       privileges_hint(error));
}

void closer_take(void *closer, const struct hc_event *refusal)
{
	if (refusal->id && refusal->direction == HC_INBOUND)
		close_one(closer, refusal->id, &refusal->ends);
}

static bool is_refused(void *context, const struct hc_session *session)
{
	(void)context;
	return session->flags & HC_S_REFUSED;
}

int closer_sweep(struct closer *closer, const struct headcount_bpf *object)
{
	struct state_session *sessions;
	size_t count;
	int error = state_read_sessions(object, is_refused, NULL, &sessions, &count);

	for (size_t i = 0; i < count; i++)
		close_one(closer, sessions[i].id, &sessions[i].session.ends);
	free(sessions);
	return error;
}
