// SPDX-License-Identifier: GPL-2.0-only
#include "snapshot.h"
#include "walk.h"

int snapshot_take(const struct headcount_bpf *object)
{
	struct load_request request = {
		.programs = LOAD_WALK_SOCKETS | LOAD_WALK_FILES | LOAD_WALK_SESSIONS,
		.shared = object,
		.adopt = true,
	};
	struct walk_sockets found = {};
	struct headcount_bpf *walker;
	int error = load_object(&walker, &request);

	/* First the sockets, then whose they are, then they can be told of. */
	error = error ?: walk_all_sockets(walker, &found);
	error = error ?: walk_files(walker);
	error = error ?: walk_sessions(walker);
	walk_free(&found);
	headcount_bpf__destroy(walker);
	return error;
}

int snapshot_mover(const struct headcount_bpf *object, struct headcount_bpf **mover)
{
	struct load_request request = {.programs = LOAD_WALK_SESSIONS, .shared = object};

	return load_object(mover, &request);
}
