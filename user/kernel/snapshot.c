// SPDX-License-Identifier: GPL-2.0-only
#include "user/kernel/snapshot.h"
#include "user/kernel/walk.h"

int snapshot_take(const struct headcount_bpf *walker)
{
	struct walk_sockets found = {};
	int error = 0;

	/* First the sockets, then whose they are, then they can be told of. */
	if (bpf_program__autoload(walker->progs.walk_sockets))
		error = walk_all_sockets(walker, &found);
	if (!error && bpf_program__autoload(walker->progs.walk_repairs))
		error = walk_end_closed(walker, &found);
	if (!error && bpf_program__autoload(walker->progs.walk_files))
		error = walk_files(walker);
	if (!error && bpf_program__autoload(walker->progs.walk_sessions))
		error = walk_sessions(walker);
	walk_free(&found);
	return error;
}
